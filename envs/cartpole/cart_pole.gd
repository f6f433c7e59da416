class_name CartPole
extends Node3D
## The agent of CartPole: a cart on a track, and a pole on a hinge that must not fall over.
##
## The bodies are its children: [code]Body[/code] (the cart), [code]Pole[/code], and
## [code]Hinge[/code] between them. All positions are relative to this node, so that several carts
## can stand side by side. An agent needs no base class: the bridge finds it by its methods. The
## node's name is [code]Cart[/code], so its name in PettingZoo is [code]cart_0[/code].
## [br][br]
## As long as no bridge drives the cart, the arrow keys (or A and D) drive it.

## The impulse of each push, in newton seconds, once in every physics frame.
const IMPULSE := 2.0
## The pole has fallen when it leans further than this, in radians.
const MAX_ANGLE := PI / 8.0
## The cart has left the track when its centre is further out than this, in metres.
const MAX_POSITION := 40.0
## The largest absolute value of each number of an observation, the last one included: wide enough
## for each [code]step_length[/code] from 1 to 8.
const BOUNDS: Array[float] = [48.0, 8.0, 1.5, 1.0]

## The action that pushes the cart to the left, towards negative z.
const PUSH_LEFT := 0
## The action that pushes the cart to the right, towards positive z.
const PUSH_RIGHT := 1

# There is no action for "no push". These four in turn leave the cart where it is.
const _COAST: Array[int] = [PUSH_LEFT, PUSH_RIGHT, PUSH_RIGHT, PUSH_LEFT]

var _last_position := 0.0
var _last_angle := 0.0
var _coasted := 0
var _is_driven := false
var _was_pushed := false

@onready var _body: RigidBody3D = $Body
@onready var _pole: RigidBody3D = $Pole
@onready var _body_start: Transform3D = _body.transform
@onready var _pole_start: Transform3D = _pole.transform


func _physics_process(_delta: float) -> void:
	if _is_driven:
		# Its episode is over while other carts continue: the bridge does not push it any more.
		if not _was_pushed and is_done() and not _body.freeze:
			_stand_still()
		_was_pushed = false
		return
	# A person drives the cart until the bridge's first reset.
	var direction: float = _pressed_direction()
	if direction != 0.0:
		_push(direction)
	if is_done():
		_restart()


## Pushes the cart: [code][0][/code] to the left, [code][1][/code] to the right. The bridge calls
## it in every physics frame of a step.
func apply_action(action: Array) -> void:
	_was_pushed = true
	_push(-1.0 if action[0] == PUSH_LEFT else 1.0)


## The cart's position and its change since the last step, the pole's angle and its change. The
## changes are taken here: the bridge asks exactly once a step.
func get_observation() -> Array:
	var cart_position: float = _body.position.z
	var angle: float = _pole_angle()
	var observation: Array = [
		cart_position, cart_position - _last_position, angle, angle - _last_angle
	]
	_last_position = cart_position
	_last_angle = angle
	return observation


## One for every step, the last one included.
func get_reward() -> float:
	return 1.0


## Whether the pole has fallen or the cart has left the track.
func is_done() -> bool:
	return absf(_pole_angle()) > MAX_ANGLE or absf(_body.position.z) > MAX_POSITION


## Puts both bodies back to where the scene has them: at rest, the pole upright.
func reset() -> void:
	_is_driven = true
	_was_pushed = false
	_restart()


## The cart's position and velocity along the track, the pole's angle and angular velocity.
func get_motion() -> Array:
	return [_body.position.z, _body.linear_velocity.z, _pole_angle(), _pole.angular_velocity.x]


## A box of four float32 numbers: position, change of position, angle, change of angle.
func get_observation_space() -> Dictionary:
	var low: Array = BOUNDS.map(func(bound: float) -> float: return -bound)
	return MarlSpace.box(low, BOUNDS)


## Two actions: push to the left, push to the right.
func get_action_space() -> Dictionary:
	return MarlSpace.discrete(2)


## The action of the pressed keys: left or A, right or D. With neither of them (or with both) the
## cart coasts: it is pushed to and fro, which leaves it in place on average.
func get_human_action() -> Array:
	var direction: float = _pressed_direction()
	if direction != 0.0:
		return [PUSH_LEFT if direction < 0.0 else PUSH_RIGHT]
	_coasted += 1
	return [_COAST[(_coasted - 1) % _COAST.size()]]


func _pressed_direction() -> float:
	var left: bool = Input.is_key_pressed(KEY_LEFT) or Input.is_key_pressed(KEY_A)
	var right: bool = Input.is_key_pressed(KEY_RIGHT) or Input.is_key_pressed(KEY_D)
	return float(right) - float(left)


func _push(direction: float) -> void:
	_body.apply_central_impulse(global_basis.z * (direction * IMPULSE))


# The pole turns about x only. The angle of its own axis is precise near zero; an arc cosine is not.
func _pole_angle() -> float:
	var axis: Vector3 = _pole.basis.y
	return atan2(axis.z, axis.y)


func _stand_still() -> void:
	for body: RigidBody3D in [_body, _pole]:
		body.linear_velocity = Vector3.ZERO
		body.angular_velocity = Vector3.ZERO
		body.freeze = true


func _restart() -> void:
	_put_back(_body, _body_start)
	_put_back(_pole, _pole_start)
	_last_position = _body.position.z
	_last_angle = _pole_angle()
	_coasted = 0


# The node sends its transform to the physics server only later in the frame, so send it now.
func _put_back(body: RigidBody3D, start: Transform3D) -> void:
	body.freeze = false
	body.transform = start
	PhysicsServer3D.body_set_state(
		body.get_rid(), PhysicsServer3D.BODY_STATE_TRANSFORM, body.global_transform
	)
	body.linear_velocity = Vector3.ZERO
	body.angular_velocity = Vector3.ZERO
	body.sleeping = false
