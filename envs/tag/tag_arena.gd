class_name TagArena
extends Node2D
## The root of tag's arena: it decides when the runner is caught and when the time is up.
##
## Its [code]_physics_process[/code] runs after those of the movers, which move themselves: its
## [member Node.process_physics_priority] is 1.
##
## As long as no bridge drives the arena, the keys drive the runner and the chasers run straight at
## it.

## The area of the movers, between the walls.
const FLOOR := Rect2(24.0, 60.0, 912.0, 456.0)
## An episode's time limit in physics frames: 20 seconds.
const TIME_LIMIT := 1200
## The distance of a mover from walls and obstacles at the start, in pixels.
const ROOM := 6.0
## A touch is a catch. The gap between two movers that counts as a touch, in pixels.
const TOUCH := 2.0

# How many physics frames the end of an episode remains visible when a person plays.
const _PAUSE := 90

## The chaser that has caught the runner, such as [code]chaser_1[/code], or an empty String.
var caught_by := ""

var _frames := 0
var _is_driven := false
var _pause := 0
var _placed: Array[TagMover] = []

## The three chasers in tree order.
@onready var chasers: Array[TagMover] = [$Chaser1, $Chaser2, $Chaser3]
## The runner that they chase.
@onready var runner: TagMover = $Runner
@onready var _movers: Array[TagMover] = [$Chaser1, $Chaser2, $Chaser3, $Runner]


func _ready() -> void:
	_restart()


func _physics_process(_delta: float) -> void:
	if not _is_driven:
		_drive()
	if is_over():
		return
	_frames += 1
	for i in chasers.size():
		var reach := chasers[i].radius + runner.radius + TOUCH
		if chasers[i].position.distance_squared_to(runner.position) <= reach * reach:
			caught_by = "chaser_%d" % i
			return


## Begins an episode in a new physics world: full time, no catch, and no mover is placed yet.
func reset_arena() -> void:
	_is_driven = true
	_frames = 0
	caught_by = ""
	_placed.clear()
	# The order in which physics finds bodies depends on the history of a world, and the last bits of
	# the places to which they slide depend on that order.
	get_viewport().world_2d = World2D.new()


## Whether the episode is over, by a catch or by the time limit.
func is_over() -> bool:
	return is_caught() or is_time_up()


## Whether a chaser touches the runner.
func is_caught() -> bool:
	return caught_by != ""


## Whether the runner has survived until the time limit.
func is_time_up() -> bool:
	return _frames >= TIME_LIMIT and not is_caught()


## The share of the time that is left, from 1 to 0.
func time_left() -> float:
	return 1.0 - float(_frames) / TIME_LIMIT


## The chasers, in order of their distance to a place.
func chasers_by_distance(place: Vector2) -> Array[TagMover]:
	var sorted: Array[TagMover] = chasers.duplicate()
	sorted.sort_custom(
		func(a: TagMover, b: TagMover) -> bool:
			return a.position.distance_squared_to(place) < b.position.distance_squared_to(place)
	)
	return sorted


## A random place that is free for [param mover], away from all movers that are placed already in
## this episode. The runner comes last in the tree, so all chasers are placed before it.
func find_place(mover: TagMover) -> Vector2:
	var area := FLOOR.grow(-mover.radius - ROOM)
	var place := area.get_center()
	var is_free := false
	while not is_free:
		place = Vector2(
			mover.random.randf_range(area.position.x, area.end.x),
			mover.random.randf_range(area.position.y, area.end.y)
		)
		is_free = _is_free(place, mover)
	_placed.append(mover)
	return place


## Place and velocity of the chasers and then of the runner, and the time left.
func get_state() -> PackedFloat32Array:
	var state: PackedFloat32Array = []
	for mover in _movers:
		state.append_array(mover.get_motion())
	state.append(time_left())
	return state


## A box of 17 float32 numbers, in the units of the observations.
func get_state_space() -> Dictionary:
	var low: Array[float] = []
	var high: Array[float] = []
	for mover in _movers:
		var bounds := mover.surroundings_bounds()
		low.append_array(bounds[0].slice(0, 4))
		high.append_array(bounds[1].slice(0, 4))
	low.append(0.0)
	high.append(1.0)
	return MarlSpace.box(low, high)


func _is_free(place: Vector2, mover: TagMover) -> bool:
	for other in _placed:
		if other.position.distance_to(place) < mover.start_distance:
			return false
	var disc := CircleShape2D.new()
	disc.radius = mover.radius + ROOM
	var query := PhysicsShapeQueryParameters2D.new()
	query.shape = disc
	query.transform = global_transform.translated_local(place)
	query.collision_mask = 1
	return get_world_2d().direct_space_state.intersect_shape(query, 1).is_empty()


# A person at the keyboard is the runner.
func _drive() -> void:
	if is_over():
		_pause += 1
		if _pause == _PAUSE:
			_restart()
		return
	runner.apply_action(runner.get_human_action())
	for chaser in chasers:
		chaser.apply_action([TagMover.nearest_way(runner.position - chaser.position)])


func _restart() -> void:
	reset_arena()
	_is_driven = false
	_pause = 0
	for mover in _movers:
		mover.reset()
