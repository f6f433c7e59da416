class_name TagMover
extends CharacterBody2D
## The base of chasers and runner: they run in one of eight directions, or stand still, and they
## see their surroundings.
##
## Walls and obstacles are in layer 1 and stop all movers. The chasers are in layer 2 and stop each
## other. The runner stops no chaser: a touch is a catch.

## The direction of each action: stand still, then the eight directions clockwise from the right.
const WAYS: Array[Vector2] = [
	Vector2.ZERO,
	Vector2.RIGHT,
	Vector2(0.70710678, 0.70710678),
	Vector2.DOWN,
	Vector2(-0.70710678, 0.70710678),
	Vector2.LEFT,
	Vector2(-0.70710678, -0.70710678),
	Vector2.UP,
	Vector2(0.70710678, -0.70710678),
]
## The unit of observed positions and ways, in pixels: half of the arena's width.
const LENGTH := 456.0
## The unit of observed velocities, in pixels per second: the runner's top speed.
const SPEED := 260.0
## How far a mover sees walls and obstacles, in pixels.
const SIGHT := 200.0

const _MAX_SLIDES := 4

## How fast it runs, in pixels per second.
@export var top_speed := 200.0
## Its acceleration, in pixels per second squared.
@export var acceleration := 1000.0
## Its distance from the movers that were placed before it, in pixels.
@export var start_distance := 60.0

## The direction in which it runs.
var way := Vector2.ZERO
## The direction in which it looks. It only affects images.
var facing := Vector2.RIGHT
## Its own random numbers.
var random := RandomNumberGenerator.new()

## How large it is, in pixels.
@onready var radius := (($Shape as CollisionShape2D).shape as CircleShape2D).radius
@onready var arena: TagArena = get_parent()
@onready var _ray: RayCast2D = $Ray


func _ready() -> void:
	# No body here can be pushed, so the engine need not know how it moves from place to place. A
	# static body is at its place at once, and needs no work of the physics between frames.
	PhysicsServer2D.body_set_mode(get_rid(), PhysicsServer2D.BODY_MODE_STATIC)


func _physics_process(delta: float) -> void:
	if arena.is_over():
		return
	velocity = velocity.move_toward(way * top_speed, acceleration * delta)
	_slide(velocity * delta)
	# Movers that move after it collide with it at its new place.
	force_update_transform()


## Chooses the direction. The bridge calls it in every physics frame of a step.
func apply_action(action: Array) -> void:
	var choice: int = action[0]
	way = WAYS[choice]
	if choice != 0:
		facing = way


## The seed of this episode, for the starting place.
func set_seed(value: int) -> void:
	random.seed = value


## Whether the runner is caught, which ends the episode of all.
func is_done() -> bool:
	return arena.is_caught()


## Whether the time is up, which is a truncation.
func is_truncated() -> bool:
	return arena.is_time_up()


## The chaser that has caught the runner, at the end.
func get_info() -> Dictionary:
	return {"caught_by": arena.caught_by} if arena.is_caught() else {}


## Nine actions: stand still, and the eight directions.
func get_action_space() -> Dictionary:
	return MarlSpace.discrete(WAYS.size())


## The action of the pressed keys: the arrow keys, or W, A, S and D.
func get_human_action() -> Array:
	var right := _is_pressed(KEY_RIGHT, KEY_D) - _is_pressed(KEY_LEFT, KEY_A)
	var down := _is_pressed(KEY_DOWN, KEY_S) - _is_pressed(KEY_UP, KEY_W)
	return [nearest_way(Vector2(right, down))]


## The action whose direction is nearest to [param direction].
static func nearest_way(direction: Vector2) -> int:
	if direction.is_zero_approx():
		return 0
	return 1 + posmod(roundi(direction.angle() / (PI / 4.0)), 8)


## Puts it at rest at a free place, away from the movers that are placed already.
func reset() -> void:
	position = arena.find_place(self)
	velocity = Vector2.ZERO
	way = Vector2.ZERO
	facing = Vector2(signf(TagArena.FLOOR.get_center().x - position.x), 0.0)


## Its position from the middle of the floor, and its velocity: the first four numbers of its
## observation.
func get_motion() -> PackedFloat32Array:
	var place := (position - TagArena.FLOOR.get_center()) / LENGTH
	# A rounding error of sliding may exceed the top speed.
	var speed := (velocity / SPEED).clampf(-1.0, 1.0)
	return [place.x, place.y, speed.x, speed.y]


## The first twelve numbers of an observation: [method get_motion], and how far away walls and
## obstacles are in the eight directions.
func see_surroundings() -> PackedFloat32Array:
	var seen := get_motion()
	for i in 8:
		_ray.target_position = WAYS[i + 1] * SIGHT
		_ray.force_raycast_update()
		var is_near := _ray.is_colliding()
		var distance := _ray.get_collision_point().distance_to(_ray.global_position)
		seen.append(minf(distance / SIGHT, 1.0) if is_near else 1.0)
	return seen


## The lowest and the highest values of [method see_surroundings].
func surroundings_bounds() -> Array[Array]:
	var speed := ceilf(top_speed / SPEED * 10.0) / 10.0
	return [
		[-1.0, -0.5, -speed, -speed, 0, 0, 0, 0, 0, 0, 0, 0],
		[1.0, 0.5, speed, speed, 1, 1, 1, 1, 1, 1, 1, 1],
	]


func _is_pressed(key: Key, other: Key) -> int:
	return int(Input.is_key_pressed(key) or Input.is_key_pressed(other))


# Slides along obstacles, and loses the part of the velocity that points into them.
func _slide(motion: Vector2) -> void:
	for _i in _MAX_SLIDES:
		var hit := move_and_collide(motion)
		if hit == null:
			return
		velocity = velocity.slide(hit.get_normal())
		motion = hit.get_remainder().slide(hit.get_normal())
