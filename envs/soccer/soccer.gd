class_name SoccerArena
extends Node3D
## The root of the arena: the ball, the clock, the goals, and the kick-off.

## The episode is truncated after this many seconds without a goal.
const TIME_LIMIT := 20.0

# Two players may squeeze the ball out faster than this. The observed speed is limited to it.
const _MAX_BALL_SPEED := 24.0
# The distance of players from the halfway line, and from the middle of the field, at the kick-off.
const _FROM_LINE := Vector2(1.5, 5.5)
const _FROM_MIDDLE := 3.0
# The minimum distance of the two players of a team, so that no two bodies touch at the kick-off.
const _APART := 1.5

## The ball of the game.
@export var ball: RigidBody3D
## The two red players, then the two blue ones, each opposite to a red one.
@export var players: Array[SoccerPlayer]

## The goals of red and of blue since the game was last started by hand or reset.
var score := Vector2i.ZERO

var _random := RandomNumberGenerator.new()
var _frames := 0
var _scoring_side := 0

@onready var _height := ball.position.y
@onready
var _bodies: Array = players.map(func(player: SoccerPlayer) -> Node: return player.get_node("Body"))


func _ready() -> void:
	kick_off(0)


func _physics_process(_delta: float) -> void:
	_frames += 1
	scoring_side()


## Python drives the game from now on, and the keyboard has no effect.
func reset_arena() -> void:
	$HandPlay.set_physics_process(false)
	score = Vector2i.ZERO


## 1 when red has scored, -1 when blue has, 0 before a goal. It is a goal when half of the ball is
## behind the line.
func scoring_side() -> int:
	if _scoring_side == 0 and absf(ball.position.x) > SoccerPitch.HALF.x:
		_scoring_side = 1 if ball.position.x > 0.0 else -1
		score += Vector2i(1, 0) if _scoring_side > 0 else Vector2i(0, 1)
	return _scoring_side


## The seconds until the episode is truncated.
func time_left() -> float:
	return maxf(TIME_LIMIT - float(_frames) / Engine.physics_ticks_per_second, 0.0)


## The ball's velocity, limited to 24 metres a second.
func ball_velocity() -> Vector3:
	return ball.linear_velocity.limit_length(_MAX_BALL_SPEED)


## Puts the ball on the halfway line, and each player in the own half. Blue mirrors red, so no team
## has an advantage. The physics engine processes one body after the other, which favours some
## slightly, so the random numbers decide which two of the four bodies are red's.
func kick_off(value: int) -> void:
	_random.seed = value
	_frames = 0
	_scoring_side = 0
	var swap := _random.randi_range(0, 1) * 2
	for i: int in players.size():
		players[i].body = _bodies[(i + swap) % players.size()]
	_place(ball, Vector2(0.0, _random.randf_range(-_FROM_MIDDLE, _FROM_MIDDLE)))
	var first := _random_place()
	var second := _random_place()
	while second.distance_to(first) < _APART:
		second = _random_place()
	_place(players[0].body, first)
	_place(players[1].body, second)
	_place(players[2].body, first * Vector2(-1.0, 1.0))
	_place(players[3].body, second * Vector2(-1.0, 1.0))


## Position and velocity of the ball and of each player, as red sees them, and the time left.
func get_state() -> PackedFloat32Array:
	var values := PackedFloat32Array()
	_append(values, ball.position, ball_velocity(), SoccerPlayer.BALL_SPEED)
	for player: SoccerPlayer in players:
		_append(values, player.body.position, player.body.linear_velocity, SoccerPlayer.SPEED)
	values.append(time_left() / TIME_LIMIT)
	return values


## 21 numbers, in the units of an observation.
func get_state_space() -> Dictionary:
	var high: Array = [1.2, 0.7, 3.0, 3.0]
	for player: SoccerPlayer in players:
		high.append_array([1.1, 0.7, 2.0, 2.0])
	high.append(1.0)
	var low: Array = high.map(func(bound: float) -> float: return -bound)
	low[-1] = 0.0
	return MarlSpace.box(low, high)


func _append(values: PackedFloat32Array, place: Vector3, velocity: Vector3, unit: float) -> void:
	values.append(place.x / SoccerPitch.HALF.x)
	values.append(place.z / SoccerPitch.HALF.x)
	values.append(velocity.x / unit)
	values.append(velocity.z / unit)


func _random_place() -> Vector2:
	var x := -_random.randf_range(_FROM_LINE.x, _FROM_LINE.y)
	return Vector2(x, _random.randf_range(-_FROM_MIDDLE, _FROM_MIDDLE))


# The node sends its transform to the physics server only later in the frame, so send it now.
func _place(body: RigidBody3D, place: Vector2) -> void:
	body.transform = Transform3D(Basis.IDENTITY, Vector3(place.x, _height, place.y))
	PhysicsServer3D.body_set_state(
		body.get_rid(), PhysicsServer3D.BODY_STATE_TRANSFORM, body.global_transform
	)
	body.linear_velocity = Vector3.ZERO
	body.angular_velocity = Vector3.ZERO
