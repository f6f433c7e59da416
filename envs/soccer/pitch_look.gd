extends Node3D
## Draws the field: the ground, the lines, the goals and the boards. It only affects images.

const _LINE := 0.07
const _BOARD := Vector2(0.18, 0.5)
const _CIRCLE := 1.5

## The colour of the ground between the boards.
@export var ground_color := Color.WHITE
## The colour of the lines.
@export var line_color := Color.WHITE
## The colour of the boards.
@export var board_color := Color.WHITE
## The colours of red's goal and of blue's goal.
@export var goal_colors: Array[Color] = [Color.WHITE, Color.WHITE]


func _ready() -> void:
	# The two goals stick out of the field.
	var outline := SoccerPitch.outline()
	var field := PackedVector2Array()
	for point: Vector2 in outline:
		if absf(point.x) <= SoccerPitch.HALF.x and absf(point.y) > SoccerPitch.GOAL_HALF_WIDTH:
			field.append(point)
	_add_polygon(field, 0.0, ground_color)
	for side: int in [-1, 1]:
		_add_goal(side, goal_colors[0 if side < 0 else 1])
	_add_line(Vector2(0.0, -SoccerPitch.HALF.y), Vector2(0.0, SoccerPitch.HALF.y))
	_add_circle()
	for i: int in outline.size():
		var next := outline[(i + 1) % outline.size()]
		var color := board_color
		if absf(outline[i].x + next.x) > 2.0 * SoccerPitch.HALF.x:
			color = goal_colors[0 if next.x < 0.0 else 1]
		_add_board(outline[i], next, color)


func _add_goal(side: int, color: Color) -> void:
	var line := side * SoccerPitch.HALF.x
	var width := Vector2(0.0, SoccerPitch.GOAL_HALF_WIDTH)
	var back := Vector2(side * (SoccerPitch.HALF.x + SoccerPitch.GOAL_DEPTH), 0.0)
	var front := Vector2(line, 0.0)
	_add_polygon([front - width, back - width, back + width, front + width], 0.0, color)
	_add_line(front - width, front + width)


func _add_polygon(points: PackedVector2Array, height: float, color: Color) -> void:
	var tool := SurfaceTool.new()
	tool.begin(Mesh.PRIMITIVE_TRIANGLES)
	tool.set_normal(Vector3.UP)
	for i: int in Geometry2D.triangulate_polygon(points):
		tool.add_vertex(Vector3(points[i].x, height, points[i].y))
	_add_mesh(tool.commit(), color).material_override.set("cull_mode", BaseMaterial3D.CULL_DISABLED)


func _add_line(from: Vector2, to: Vector2) -> void:
	var across := (to - from).normalized().orthogonal() * (_LINE / 2.0)
	_add_polygon([from - across, to - across, to + across, from + across], 0.01, line_color)


func _add_circle() -> void:
	for i: int in 64:
		var from := Vector2.from_angle(TAU * i / 64.0) * _CIRCLE
		_add_line(from, from.rotated(TAU / 64.0))


func _add_board(from: Vector2, to: Vector2, color: Color) -> void:
	var along := to - from
	var outwards := Vector2(along.y, -along.x).normalized()
	var centre := (from + to) / 2.0 + outwards * (_BOARD.x / 2.0)
	var mesh := BoxMesh.new()
	# Boards meet at the corners, but boards beside a goal end at its posts.
	var ends_at_post := is_zero_approx(along.y) and color != board_color
	var length := along.length() + (0.0 if ends_at_post else _BOARD.x)
	# The boards of the goals are lower, so that it is visible which board is in front.
	var height := _BOARD.y if color == board_color else _BOARD.y - 0.05
	mesh.size = Vector3(length, height, _BOARD.x)
	var board := _add_mesh(mesh, color)
	board.position = Vector3(centre.x, height / 2.0, centre.y)
	board.rotation.y = -along.angle()


func _add_mesh(mesh: Mesh, color: Color) -> MeshInstance3D:
	var material := StandardMaterial3D.new()
	material.albedo_color = color
	material.roughness = 1.0
	material.specular_mode = BaseMaterial3D.SPECULAR_DISABLED
	var instance := MeshInstance3D.new()
	instance.mesh = mesh
	instance.material_override = material
	add_child(instance)
	return instance
