class_name CartGroup
extends Node
## Many CartPoles in one node: what [NumberCart] does, with a packed array for all of them.

# Constant factors of the equations of CartPole.
const _PUSH := CartPole.FORCE / CartPole.MASS
const _ARM := CartPole.POLE_MASS * CartPole.HALF_LENGTH / CartPole.MASS
const _LEVER := CartPole.HALF_LENGTH * 4.0 / 3.0
const _ARM_HALF := CartPole.HALF_LENGTH * CartPole.POLE_MASS / CartPole.MASS

## How many agents there are.
@export var agents := 256
## Whether an episode ends when the pole has fallen; see [member CartPole.falls].
@export var falls := true

var _random := RandomNumberGenerator.new()
var _actions := PackedInt64Array()
# Position, speed, angle and angular speed of each cart.
var _states := PackedVector4Array()
var _rewards := PackedFloat64Array()
var _done := PackedByteArray()
var _truncated := PackedByteArray()
var _steps := 0
var _max_angle := CartPole.MAX_ANGLE
var _max_position := CartPole.MAX_POSITION


func _ready() -> void:
	if not falls:
		_max_angle = INF
		_max_position = INF
	_states.resize(agents)
	_actions.resize(agents)
	_done.resize(agents)
	_truncated.resize(agents)
	_rewards.resize(agents)
	_rewards.fill(1.0)


func _physics_process(_delta: float) -> void:
	# Local variables and few operations: this loop takes most of the time of a step.
	var states := _states
	var actions := _actions
	var max_angle := _max_angle
	var max_position := _max_position
	_done.fill(0)
	for i in agents:
		var state := states[i]
		var sine := sin(state.z)
		var cosine := cos(state.z)
		var push := (actions[i] * 2 - 1) * _PUSH + _ARM * state.w * state.w * sine
		var turning := (
			(CartPole.GRAVITY * sine - cosine * push) / (_LEVER - _ARM_HALF * cosine * cosine)
		)
		var change := Vector4(state.y, push - _ARM * turning * cosine, state.w, turning)
		state += CartPole.SECONDS * change
		states[i] = state
		if absf(state.z) > max_angle or absf(state.x) > max_position:
			_done[i] = 1
	_steps += 1


## How many agents this node has.
func get_agent_count() -> int:
	return agents


## Pushes to the left (0) or to the right (1).
func apply_action(actions: PackedInt64Array) -> void:
	_actions = actions


## Position, speed, angle and angular speed.
func get_observation() -> PackedFloat32Array:
	return _states.to_byte_array().to_float32_array()


## One for each step.
func get_reward() -> PackedFloat64Array:
	return _rewards


## The pole has fallen, or the cart has left the track.
func is_done() -> PackedByteArray:
	return _done


## The episodes have had all their steps.
func is_truncated() -> PackedByteArray:
	_truncated.fill(1 if _steps >= CartPole.MAX_STEPS else 0)
	return _truncated


## Near the middle, almost at rest.
func reset() -> void:
	for i in agents:
		for axis in 4:
			_states[i][axis] = _random.randf_range(-0.05, 0.05)
	_done.fill(0)
	_steps = 0


## Seeds the next episodes.
func set_seed(value: int) -> void:
	_random.seed = value


func get_observation_space() -> Dictionary:
	return MarlSpace.box_of_shape([4], -INF, INF)


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(2)
