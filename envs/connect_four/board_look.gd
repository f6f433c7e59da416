extends Node3D
## Shows the game: the board, its discs, a mark on the four that won, and above the board a disc of
## the player who has the turn. It only affects images.
##
## It runs right before each image, and depends only on the game. The discs fall only in a window:
## an image for Python shows the state at that moment. Without a display nothing is created.

const BoardMesh := preload("res://board_mesh.gd")
const ConnectFour := preload("res://connect_four.gd")

const _GRAVITY := 60.0
# The share of its speed that a disc keeps when it hits the one below.
const _BOUNCE := 0.25
const _DISC_RADIUS := 0.47
const _DISC_THICKNESS := 0.2
const _HOVER_HEIGHT := ConnectFour.ROWS + 0.75

## The board's plates.
@export var board_material: Material
## The discs of the two players.
@export var disc_materials: Array[Material] = []
## The marks on the four that won.
@export var mark_material: Material
## The numbers below the columns.
@export var number_color := Color.WHITE

# For each hole, by column and then height.
var _discs: Array[MeshInstance3D] = []
var _marks: Array[MeshInstance3D] = []
# How many seconds ago the disc was dropped into the hole.
var _ages := PackedFloat32Array()
var _hovering: MeshInstance3D

@onready var _game: ConnectFour = get_parent()


func _ready() -> void:
	set_process(RenderingServer.render_loop_enabled)
	if DisplayServer.get_name() == "headless":
		set_process(false)
		return
	_build()
	RenderingServer.frame_pre_draw.connect(_show)


func _exit_tree() -> void:
	if RenderingServer.frame_pre_draw.is_connected(_show):
		RenderingServer.frame_pre_draw.disconnect(_show)


func _process(delta: float) -> void:
	for hole: int in _ages.size():
		_ages[hole] += delta


func _build() -> void:
	var plate_mesh: ArrayMesh = BoardMesh.plate(ConnectFour.COLUMNS, ConnectFour.ROWS)
	for z: float in [-0.2, 0.2]:
		var plate := MeshInstance3D.new()
		plate.mesh = plate_mesh
		plate.material_override = board_material
		plate.position.z = z
		add_child(plate)
	_ages.resize(ConnectFour.HOLES)
	var ring := TorusMesh.new()
	ring.inner_radius = 0.2
	ring.outer_radius = 0.3
	var cylinder := CylinderMesh.new()
	cylinder.top_radius = _DISC_RADIUS
	cylinder.bottom_radius = _DISC_RADIUS
	cylinder.height = _DISC_THICKNESS
	cylinder.radial_segments = 48
	cylinder.rings = 1
	for column: int in ConnectFour.COLUMNS:
		_add_number(column)
		for height: int in ConnectFour.ROWS:
			var disc: MeshInstance3D = _add_disc(cylinder)
			var mark := MeshInstance3D.new()
			mark.mesh = ring
			mark.material_override = mark_material
			mark.position.y = _DISC_THICKNESS / 2.0
			disc.add_child(mark)
			_discs.append(disc)
			_marks.append(mark)
	_hovering = _add_disc(cylinder)


func _show() -> void:
	var line: int = _game.find_line(_game.winner) if _game.winner >= 0 else 0
	for column: int in ConnectFour.COLUMNS:
		for height: int in ConnectFour.ROWS:
			var bit: int = 1 << (ConnectFour.COLUMN_BITS * column + height)
			_show_hole(column, height, bit, line & bit != 0)
	_hovering.visible = not _game.is_over
	_hovering.material_override = disc_materials[_game.turn]
	_hovering.position = Vector3(0.0, _HOVER_HEIGHT, 0.0)
	_hovering.force_update_transform()


func _show_hole(column: int, height: int, bit: int, is_marked: bool) -> void:
	var hole: int = column * ConnectFour.ROWS + height
	var disc: MeshInstance3D = _discs[hole]
	var owned_by_second: bool = _game.discs_of(1) & bit != 0
	disc.visible = owned_by_second or _game.discs_of(0) & bit != 0
	if not disc.visible:
		_ages[hole] = 0.0
		return
	disc.material_override = disc_materials[int(owned_by_second)]
	var place := Vector3(column - (ConnectFour.COLUMNS - 1) / 2.0, height + 0.5, 0.0)
	if is_processing():
		place.y += _height_of_fall(_HOVER_HEIGHT - place.y, _ages[hole])
	_marks[hole].visible = is_marked
	disc.position = place
	disc.force_update_transform()
	_marks[hole].force_update_transform()


# The height above its place of a disc that began to fall from `start` this many seconds ago.
func _height_of_fall(start: float, seconds: float) -> float:
	var height: float = start - _GRAVITY / 2.0 * seconds * seconds
	if height >= 0.0:
		return height
	var since: float = seconds - sqrt(2.0 * start / _GRAVITY)
	var speed: float = _BOUNCE * sqrt(2.0 * start * _GRAVITY)
	return maxf(0.0, speed * since - _GRAVITY / 2.0 * since * since)


func _add_disc(mesh: CylinderMesh) -> MeshInstance3D:
	var disc := MeshInstance3D.new()
	disc.mesh = mesh
	disc.rotation.x = PI / 2.0
	add_child(disc)
	return disc


func _add_number(column: int) -> void:
	var label := Label3D.new()
	label.text = str(column + 1)
	label.modulate = number_color
	label.outline_size = 0
	label.font_size = 64
	label.pixel_size = 0.005
	label.position = Vector3(column - (ConnectFour.COLUMNS - 1) / 2.0, -0.2, 0.27)
	add_child(label)
