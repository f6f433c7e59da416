class_name CartGroup
extends Node
## Many CartPoles in one node: what [Cart] does, with one packed array for all of them.

## How many there are.
var agents := 1

var _random := RandomNumberGenerator.new()
var _actions := PackedInt64Array()
# Position, speed, angle and angular speed of one cart after the other.
var _state := PackedFloat32Array()
var _rewards := PackedFloat64Array()
var _done := PackedByteArray()
var _truncated := PackedByteArray()
var _steps := 0


func _ready() -> void:
	_state.resize(4 * agents)
	_actions.resize(agents)
	_done.resize(agents)
	_truncated.resize(agents)
	_rewards.resize(agents)
	_rewards.fill(1.0)


func _physics_process(_delta: float) -> void:
	var state := _state
	var done := _done
	var mass := Cart.CART_MASS + Cart.POLE_MASS
	var arm := Cart.POLE_MASS * Cart.HALF_LENGTH
	for i in agents:
		var at := 4 * i
		var x := state[at]
		var speed := state[at + 1]
		var angle := state[at + 2]
		var turn := state[at + 3]
		var sine := sin(angle)
		var cosine := cos(angle)
		var force := Cart.FORCE if _actions[i] == 1 else -Cart.FORCE
		var push := (force + arm * turn * turn * sine) / mass
		var turning := (
			(Cart.GRAVITY * sine - cosine * push)
			/ (Cart.HALF_LENGTH * (4.0 / 3.0 - Cart.POLE_MASS * cosine * cosine / mass))
		)
		x += Cart.SECONDS * speed
		angle += Cart.SECONDS * turn
		state[at] = x
		state[at + 1] = speed + Cart.SECONDS * (push - arm * turning * cosine / mass)
		state[at + 2] = angle
		state[at + 3] = turn + Cart.SECONDS * turning
		done[i] = 1 if absf(angle) > Cart.MAX_ANGLE or absf(x) > Cart.MAX_POSITION else 0
	_steps += 1


## How many agents this node is.
func get_agent_count() -> int:
	return agents


## Pushes to the left (0) or to the right (1).
func apply_action(actions: PackedInt64Array) -> void:
	_actions = actions


## Position, speed, angle and angular speed.
func get_observation() -> PackedFloat32Array:
	return _state


## One for each step.
func get_reward() -> PackedFloat64Array:
	return _rewards


## The pole has fallen, or the cart has left the track.
func is_done() -> PackedByteArray:
	return _done


## The time is over.
func is_truncated() -> PackedByteArray:
	_truncated.fill(1 if _steps >= Cart.MAX_STEPS else 0)
	return _truncated


## Near the middle, almost at rest.
func reset() -> void:
	for i in _state.size():
		_state[i] = _random.randf_range(-0.05, 0.05)
	_done.fill(0)
	_steps = 0


## Makes the next episodes repeatable.
func set_seed(value: int) -> void:
	_random.seed = value


func get_observation_space() -> Dictionary:
	return MarlSpace.box_of_shape([4], -INF, INF)


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(2)
