class_name SoccerPlayer
extends Node3D
## An agent: a player of one of the two teams. It moves the ball by running into it.
##
## It sees the field from its own team's side: the opponents' goal is ahead, at positive x. For the
## blue team the field is mirrored (x changes its sign), so one policy can play all four.
## [br][br]
## Its body is one of four equal ones: the arena assigns them at each kick-off.

## How fast a player runs, in metres a second.
const SPEED := 4.0
## How fast a player's velocity changes, in metres a second squared.
const ACCELERATION := 24.0
## The ball's velocity is observed as a share of this, in metres a second.
const BALL_SPEED := 8.0
## The reward of the team for moving the ball from its own goal to the other one, without the goal.
const TEAM_SHARE := 0.4
## The reward of a player for running to the ball from as far away as the field is long.
const OWN_SHARE := 0.4
## The direction of each action: none, ahead, and on around the circle.
const DIRECTIONS: Array[Vector2] = [
	Vector2(0.0, 0.0),
	Vector2(1.0, 0.0),
	Vector2(_DIAGONAL, _DIAGONAL),
	Vector2(0.0, 1.0),
	Vector2(-_DIAGONAL, _DIAGONAL),
	Vector2(-1.0, 0.0),
	Vector2(-_DIAGONAL, -_DIAGONAL),
	Vector2(0.0, -1.0),
	Vector2(_DIAGONAL, -_DIAGONAL),
]

# Both parts of a direction of length 1 that lies between two axes.
const _DIAGONAL := sqrt(0.5)

## Where its team attacks: 1 for red, towards positive x, -1 for blue.
@export_enum("Red:1", "Blue:-1") var side := 1

## The body that it moves: see [method SoccerArena.kick_off].
var body: RigidBody3D
## The other player of the team.
var mate: SoccerPlayer

var _opponent: SoccerPlayer
var _other_opponent: SoccerPlayer
var _last_potential := 0.0

@onready var _arena: SoccerArena = get_parent()
@onready var _ball: RigidBody3D = _arena.ball


func _ready() -> void:
	var players := _arena.players
	mate = players[players.find(self) ^ 1]
	_opponent = players[2 if side > 0 else 0]
	_other_opponent = players[3 if side > 0 else 1]


## Runs: [code][0][/code] stays, [code][1][/code] runs ahead. See [constant DIRECTIONS].
func apply_action(action: Array) -> void:
	var way: Vector2 = DIRECTIONS[action[0]]
	var wanted := Vector3(way.x * side, 0.0, way.y) * SPEED
	var change := ACCELERATION * get_physics_process_delta_time()
	body.linear_velocity = body.linear_velocity.move_toward(wanted, change)


## Where everything is and how it moves, as the own team sees it. The nearer opponent comes first.
func get_observation() -> PackedFloat32Array:
	var own := body.position
	var near := _opponent
	var far := _other_opponent
	if own.distance_squared_to(far.body.position) < own.distance_squared_to(near.body.position):
		near = _other_opponent
		far = _opponent
	var values := PackedFloat32Array()
	_append(values, own, SoccerPitch.HALF.x)
	_append(values, body.linear_velocity, SPEED)
	_append(values, _ball.position - own, SoccerPitch.HALF.x)
	_append(values, _arena.ball_velocity(), BALL_SPEED)
	for other: SoccerPlayer in [mate, near, far]:
		_append(values, other.body.position - own, SoccerPitch.HALF.x)
		_append(values, other.body.linear_velocity, SPEED)
	_append(values, Vector3(SoccerPitch.HALF.x * side, own.y, 0.0) - own, SoccerPitch.HALF.x)
	_append(values, Vector3(-SoccerPitch.HALF.x * side, own.y, 0.0) - own, SoccerPitch.HALF.x)
	values.append(_arena.time_left() / SoccerArena.TIME_LIMIT)
	return values


## 1 for a goal of the own team, -1 for one of the other team. In addition a small reward for moving
## the ball towards their goal, which they lose, and a small one for coming nearer to the ball.
func get_reward() -> float:
	var potential := _potential()
	var reward := potential - _last_potential
	_last_potential = potential
	return reward + _arena.scoring_side() * side


## Whether a team has scored.
func is_done() -> bool:
	return _arena.scoring_side() != 0


## Whether the time is up without a goal.
func is_truncated() -> bool:
	return _arena.time_left() <= 0.0 and not is_done()


## The team that scored, in the step in which it scored.
func get_info() -> Dictionary:
	return {"scored_by": "red" if _arena.scoring_side() > 0 else "blue"} if is_done() else {}


## The kick-off is the same for all, and uses the seed of the first player.
func set_seed(value: int) -> void:
	if self == _arena.players[0]:
		_arena.kick_off(value)


## The arena has put all players in place already: see [method set_seed].
func reset() -> void:
	_last_potential = _potential()


## 25 numbers, most of them between -1 and 1.
func get_observation_space() -> Dictionary:
	var high: Array = [1.1, 0.7, 2.0, 2.0, 2.2, 1.4, 3.0, 3.0]
	for i: int in 3:
		high.append_array([2.1, 1.4, 2.0, 2.0])
	high.append_array([2.1, 0.7, 2.1, 0.7, 1.0])
	var low: Array = high.map(func(bound: float) -> float: return -bound)
	low[-1] = 0.0
	return MarlSpace.box(low, high)


## Staying, and eight directions.
func get_action_space() -> Dictionary:
	return MarlSpace.discrete(DIRECTIONS.size())


## All players share one policy.
func get_policy_name() -> String:
	return "player"


## The action of the pressed keys: the arrows or W, A, S and D, as the camera sees the field.
func get_human_action() -> Array:
	var right := _pressed(KEY_RIGHT, KEY_D) - _pressed(KEY_LEFT, KEY_A)
	var down := _pressed(KEY_DOWN, KEY_S) - _pressed(KEY_UP, KEY_W)
	return [nearest_action(Vector2(right * side, down))]


## The action that comes nearest to running along [param way], as the own team sees it.
static func nearest_action(way: Vector2) -> int:
	if way.is_zero_approx():
		return 0
	return 1 + posmod(roundi(way.angle() / (PI / 4.0)), 8)


func _pressed(one: Key, other: Key) -> float:
	return float(Input.is_physical_key_pressed(one) or Input.is_physical_key_pressed(other))


# A mirrored zero is -0. Adding zero makes it 0 again, so both teams see the same bits.
func _append(values: PackedFloat32Array, vector: Vector3, unit: float) -> void:
	values.append(vector.x * side / unit + 0.0)
	values.append(vector.z / unit)


func _potential() -> float:
	var length := 2.0 * SoccerPitch.HALF.x
	var ball := _ball.position
	var goal := Vector3(SoccerPitch.HALF.x * side, ball.y, 0.0)
	var ahead := ball.distance_to(Vector3(-goal.x, goal.y, goal.z)) - ball.distance_to(goal)
	return (TEAM_SHARE / 2.0 * ahead - OWN_SHARE * body.position.distance_to(ball)) / length
