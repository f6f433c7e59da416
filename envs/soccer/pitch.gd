class_name SoccerPitch
extends StaticBody3D
## The field: its measures, and the walls around it. The ball never leaves it.
##
## The corners are cut off, so that no ball stays in them. Only the ball can enter the goals: the
## walls across them stop only players. All bodies move in one plane, so the height of the walls
## does not matter.

## Half the length (x) and half the width (z) of the field in metres.
const HALF := Vector2(7.0, 4.5)
## Half the width of a goal in metres.
const GOAL_HALF_WIDTH := 2.0
## How deep a goal is, in metres.
const GOAL_DEPTH := 1.0
## How much of its length and its width the field lacks at each corner, in metres.
const CORNER := 2.0

const _LAYER_OF_PLAYERS := 2
const _THICKNESS := 1.0
const _HEIGHT := 2.0


func _ready() -> void:
	var points := outline()
	for i: int in points.size():
		add_child(_wall(points[i], points[(i + 1) % points.size()]))
	var gates := StaticBody3D.new()
	gates.collision_layer = _LAYER_OF_PLAYERS
	gates.collision_mask = 0
	gates.physics_material_override = physics_material_override
	add_child(gates)
	for side: float in [-1.0, 1.0]:
		var end := Vector2(side * HALF.x, -side * GOAL_HALF_WIDTH)
		gates.add_child(_wall(end, Vector2(end.x, -end.y)))


## The corners of the field with both goals, clockwise as the camera sees them.
static func outline() -> PackedVector2Array:
	var quarter: PackedVector2Array = [
		Vector2(HALF.x - CORNER, -HALF.y),
		Vector2(HALF.x, CORNER - HALF.y),
		Vector2(HALF.x, -GOAL_HALF_WIDTH),
		Vector2(HALF.x + GOAL_DEPTH, -GOAL_HALF_WIDTH),
	]
	var half := quarter.duplicate()
	for i: int in range(quarter.size() - 1, -1, -1):
		half.append(quarter[i] * Vector2(1.0, -1.0))
	var whole := half.duplicate()
	for i: int in half.size():
		whole.append(-half[i])
	return whole


# The inner face of the wall connects the two points.
func _wall(from: Vector2, to: Vector2) -> CollisionShape3D:
	var along := to - from
	var outwards := Vector2(along.y, -along.x).normalized()
	var centre := (from + to) / 2.0 + outwards * (_THICKNESS / 2.0)
	var shape := BoxShape3D.new()
	shape.size = Vector3(along.length(), _HEIGHT, _THICKNESS)
	var wall := CollisionShape3D.new()
	wall.shape = shape
	wall.position = Vector3(centre.x, 0.0, centre.y)
	wall.rotation.y = -along.angle()
	return wall
