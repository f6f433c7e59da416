extends Node3D
## Turns a player's face to the ball, and gives it the team's colour. It only affects images.
##
## Like the ball it moves right before each image, and depends only on the places of the two.

## How far below the body's centre the ground is, in metres.
@export var height := 0.35

## The material of red players.
@export var red: Material
## The material of blue players.
@export var blue: Material
## The parts in the team's colour.
@export var parts: Array[MeshInstance3D]

@onready var _player: SoccerPlayer = get_parent()


func _enter_tree() -> void:
	RenderingServer.frame_pre_draw.connect(_turn)


func _exit_tree() -> void:
	RenderingServer.frame_pre_draw.disconnect(_turn)


func _ready() -> void:
	for part: MeshInstance3D in parts:
		part.material_override = red if _player.side > 0 else blue


func _turn() -> void:
	var arena: SoccerArena = _player.get_parent()
	var to_ball := arena.ball.position - _player.body.position
	rotation.y = atan2(-to_ball.z, to_ball.x)
	position = _player.body.position + Vector3.DOWN * height
	force_update_transform()
	for part: Node3D in get_children():
		part.force_update_transform()
