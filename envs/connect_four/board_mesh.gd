extends RefCounted
## Builds the meshes of Connect Four for which there is no primitive.

const _SEGMENTS := 48
const _HOLE_RADIUS := 0.41
const _HALF_THICKNESS := 0.05
# How far the plate extends beyond the holes' squares: to the sides and above, and below.
const _RIM := 0.12
const _FOOT := 0.4


## A plate with a round hole in each square of a grid, which stands on y = 0 and is centred on x.
static func plate(columns: int, rows: int) -> ArrayMesh:
	var tool := SurfaceTool.new()
	tool.begin(Mesh.PRIMITIVE_TRIANGLES)
	for column: int in columns:
		for row: int in rows:
			_add_square(tool, Vector2(column - (columns - 1) / 2.0, row + 0.5))
	var half: float = columns / 2.0
	_add_box(tool, Rect2(-half - _RIM, -_FOOT, _RIM, rows + _FOOT + _RIM))
	_add_box(tool, Rect2(half, -_FOOT, _RIM, rows + _FOOT + _RIM))
	_add_box(tool, Rect2(-half, -_FOOT, columns, _FOOT))
	_add_box(tool, Rect2(-half, rows, columns, _RIM))
	return tool.commit()


# A square with a hole: both faces, and the wall of the hole.
static func _add_square(tool: SurfaceTool, middle: Vector2) -> void:
	for segment: int in _SEGMENTS:
		var from := Vector2.from_angle(TAU * segment / _SEGMENTS)
		var to := Vector2.from_angle(TAU * (segment + 1) / _SEGMENTS)
		var inner: Array[Vector2] = [middle + from * _HOLE_RADIUS, middle + to * _HOLE_RADIUS]
		var outer: Array[Vector2] = [middle + _on_square(from), middle + _on_square(to)]
		for side: float in [-1.0, 1.0]:
			var z: float = side * _HALF_THICKNESS
			_add_quad(
				tool,
				[_at(inner[0], z), _at(outer[0], z), _at(outer[1], z), _at(inner[1], z)],
				Vector3(0.0, 0.0, side)
			)
		var inwards := -Vector3(from.x + to.x, from.y + to.y, 0.0).normalized()
		var near: float = _HALF_THICKNESS
		_add_quad(
			tool,
			[_at(inner[0], near), _at(inner[1], near), _at(inner[1], -near), _at(inner[0], -near)],
			inwards
		)


static func _add_box(tool: SurfaceTool, rect: Rect2) -> void:
	var corners: Array[Vector2] = [
		rect.position,
		Vector2(rect.end.x, rect.position.y),
		rect.end,
		Vector2(rect.position.x, rect.end.y),
	]
	var near: float = _HALF_THICKNESS
	for side: float in [-1.0, 1.0]:
		var face: Array[Vector3] = []
		for corner: Vector2 in corners:
			face.append(_at(corner, side * near))
		_add_quad(tool, face, Vector3(0.0, 0.0, side))
	for i: int in 4:
		var edge: Vector2 = corners[(i + 1) % 4] - corners[i]
		_add_quad(
			tool,
			[
				_at(corners[i], near),
				_at(corners[(i + 1) % 4], near),
				_at(corners[(i + 1) % 4], -near),
				_at(corners[i], -near)
			],
			Vector3(edge.y, -edge.x, 0.0).normalized()
		)


# The point where a ray from the middle of a square of size 1 meets its edge.
static func _on_square(direction: Vector2) -> Vector2:
	return direction * 0.5 / maxf(absf(direction.x), absf(direction.y))


static func _at(point: Vector2, z: float) -> Vector3:
	return Vector3(point.x, point.y, z)


# Godot draws the side on which the corners are in clockwise order.
static func _add_quad(tool: SurfaceTool, corners: Array[Vector3], normal: Vector3) -> void:
	var turned: Vector3 = (corners[1] - corners[0]).cross(corners[2] - corners[0])
	var order: Array[int] = [0, 1, 2, 0, 2, 3]
	if turned.dot(normal) > 0.0:
		order = [0, 2, 1, 0, 3, 2]
	for i: int in order:
		tool.set_normal(normal)
		tool.add_vertex(corners[i])
