class_name TagArena
extends Node2D
## The root of tag's arena: it moves everyone, says who is caught and when the time is up.
##
## As long as no bridge drives the arena, the keys drive the runner and the chasers run straight at
## it.

## Where the movers run, between the walls.
const FLOOR := Rect2(24.0, 60.0, 912.0, 456.0)
## An episode's time limit in physics frames: 20 seconds.
const TIME_LIMIT := 1200
## How far from walls and obstacles a mover starts, in pixels.
const ROOM := 6.0
## A touch is a catch, and this near is a touch: the gap between the two, in pixels.
const TOUCH := 2.0

# How many frames the end of an episode stays to be seen, when a person plays.
const _PAUSE := 90

## The chaser that has caught the runner, such as [code]chaser_1[/code], or nobody.
var caught_by := ""

var _frames := 0
var _is_driven := false
var _pause := 0
var _placed: Array[TagMover] = []

## The three chasers in tree order.
@onready var chasers: Array[TagMover] = [$Chaser1, $Chaser2, $Chaser3]
## The one that they are after.
@onready var runner: TagMover = $Runner
@onready var _movers: Array[TagMover] = [$Chaser1, $Chaser2, $Chaser3, $Runner]
@onready var _obstacles: Array[Node] = $Obstacles.get_children()
@onready var _middles := PackedVector2Array(_obstacles.map(_middle_of))
@onready var _reaches := PackedFloat32Array(_obstacles.map(_reach_of))


func _ready() -> void:
	_restart()


func _physics_process(delta: float) -> void:
	if not _is_driven:
		_drive()
	if is_caught() or is_time_up():
		return
	_frames += 1
	for chaser in chasers:
		chaser.move(delta)
	runner.move(delta)
	for i in chasers.size():
		var reach := chasers[i].radius + runner.radius + TOUCH
		if chasers[i].position.distance_squared_to(runner.position) <= reach * reach:
			caught_by = "chaser_%d" % i
			return


## Begins an episode: full time, nobody is caught, nobody has a place yet.
func reset_arena() -> void:
	_is_driven = true
	_frames = 0
	caught_by = ""
	_placed.clear()


## Where [param mover] gets to on its way to a place: walls and obstacles push it out, and take what
## its velocity has against them.
func keep_out(mover: TagMover, place: Vector2) -> Vector2:
	var area := FLOOR.grow(-mover.radius)
	for i in _middles.size():
		var near := _reaches[i] + mover.radius
		if place.distance_squared_to(_middles[i]) < near * near:
			var way := (_obstacles[i] as TagObstacle).way_to(place)
			place = mover.push_out(place, way, mover.radius)
	var inside := place.clamp(area.position, area.end)
	if inside.x != place.x:
		mover.velocity.x = 0.0
	if inside.y != place.y:
		mover.velocity.y = 0.0
	return inside


## Whether a chaser touches the runner.
func is_caught() -> bool:
	return caught_by != ""


## Whether the runner has survived until the time limit.
func is_time_up() -> bool:
	return _frames >= TIME_LIMIT and not is_caught()


## How much of the time is left, from 1 to 0.
func time_left() -> float:
	return 1.0 - float(_frames) / TIME_LIMIT


## The chasers, those nearest to a place first.
func chasers_by_distance(place: Vector2) -> Array[TagMover]:
	var sorted: Array[TagMover] = chasers.duplicate()
	sorted.sort_custom(
		func(a: TagMover, b: TagMover) -> bool:
			return a.position.distance_squared_to(place) < b.position.distance_squared_to(place)
	)
	return sorted


## A random place that is free for [param mover], away from everyone who has a place in this episode
## already. The runner comes last in the tree: all chasers have theirs.
func find_place(mover: TagMover) -> Vector2:
	var room := mover.radius + ROOM
	var area := FLOOR.grow(-room)
	var place := area.get_center()
	var is_free := false
	while not is_free:
		place = Vector2(
			mover.random.randf_range(area.position.x, area.end.x),
			mover.random.randf_range(area.position.y, area.end.y)
		)
		is_free = _is_free(place, room, mover.start_distance)
	_placed.append(mover)
	return place


## Place and velocity of the chasers and then of the runner, and the time left.
func get_state() -> PackedFloat32Array:
	var state: PackedFloat32Array = []
	for mover in _movers:
		var place := (mover.position - FLOOR.get_center()) / TagMover.LENGTH
		state.append_array(
			[place.x, place.y, mover.velocity.x / TagMover.SPEED, mover.velocity.y / TagMover.SPEED]
		)
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


func _is_free(place: Vector2, room: float, gap: float) -> bool:
	for obstacle: TagObstacle in _obstacles:
		if obstacle.way_to(place).length() < room:
			return false
	for other in _placed:
		if other.position.distance_to(place) < gap:
			return false
	return true


func _middle_of(obstacle: TagObstacle) -> Vector2:
	return obstacle.position


func _reach_of(obstacle: TagObstacle) -> float:
	return obstacle.reach()


# A person at the keyboard is the runner.
func _drive() -> void:
	if is_caught() or is_time_up():
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
