extends Node3D
## Puts a tick on the track at every second metre, and a number below every tenth. It only affects
## images.

## The mesh that marks a position.
@export var tick_mesh: Mesh
## The mesh that marks a position with a number below.
@export var long_tick_mesh: Mesh
## The colour of the numbers.
@export var number_color := Color.WHITE


func _ready() -> void:
	for metre: int in range(-40, 41, 2):
		if metre % 10 == 0:
			_add_tick(long_tick_mesh, metre)
			_add_number(metre)
		else:
			_add_tick(tick_mesh, metre)


func _add_tick(mesh: Mesh, metre: int) -> void:
	var tick := MeshInstance3D.new()
	tick.mesh = mesh
	tick.position.z = metre
	add_child(tick)


func _add_number(metre: int) -> void:
	var label := Label3D.new()
	label.text = str(metre).replace("-", "\u2212")
	label.modulate = number_color
	label.outline_size = 0
	label.font_size = 64
	label.pixel_size = 0.028
	label.position = Vector3(-2.2, -1.6, metre)
	label.rotation.y = -PI / 2.0
	add_child(label)
