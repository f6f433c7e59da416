class_name Cart
extends Node
## A CartPole of plain GDScript, without bodies: the equations of Barto, Sutton and Anderson (1983),
## integrated by Euler's method as in Gymnasium's CartPole.

## Forces and masses, in newtons, kilograms, metres and seconds.
const FORCE := 10.0
const GRAVITY := 9.8
const CART_MASS := 1.0
const POLE_MASS := 0.1
const HALF_LENGTH := 0.5
const SECONDS := 0.02
## The pole has fallen, or the cart has left the track.
const MAX_ANGLE := 12.0 * PI / 180.0
const MAX_POSITION := 2.4
## An episode is cut off after so many steps.
const MAX_STEPS := 250

## How many numbers an observation has: four that mean something, and zeros.
var numbers := 4

var _random := RandomNumberGenerator.new()
var _force := 0.0
var _x := 0.0
var _speed := 0.0
var _angle := 0.0
var _turn := 0.0
var _steps := 0
var _padding: Array = []


func _ready() -> void:
	_padding.resize(numbers - 4)
	_padding.fill(0.0)


func _physics_process(_delta: float) -> void:
	var sine := sin(_angle)
	var cosine := cos(_angle)
	var mass := CART_MASS + POLE_MASS
	var push := (_force + POLE_MASS * HALF_LENGTH * _turn * _turn * sine) / mass
	var turning := (
		(GRAVITY * sine - cosine * push)
		/ (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * cosine * cosine / mass))
	)
	var pushing := push - POLE_MASS * HALF_LENGTH * turning * cosine / mass
	_x += SECONDS * _speed
	_speed += SECONDS * pushing
	_angle += SECONDS * _turn
	_turn += SECONDS * turning
	_steps += 1


## Pushes to the left (0) or to the right (1).
func apply_action(action: Array) -> void:
	_force = FORCE if action[0] == 1 else -FORCE


## Position, speed, angle and angular speed.
func get_observation() -> Array:
	var observation: Array = [_x, _speed, _angle, _turn]
	if numbers > 4:
		observation.append_array(_padding)
	return observation


## One for each step.
func get_reward() -> float:
	return 1.0


## The pole has fallen, or the cart has left the track.
func is_done() -> bool:
	return absf(_angle) > MAX_ANGLE or absf(_x) > MAX_POSITION


## The time is over.
func is_truncated() -> bool:
	return _steps >= MAX_STEPS


## Near the middle, almost at rest.
func reset() -> void:
	_x = _random.randf_range(-0.05, 0.05)
	_speed = _random.randf_range(-0.05, 0.05)
	_angle = _random.randf_range(-0.05, 0.05)
	_turn = _random.randf_range(-0.05, 0.05)
	_steps = 0


## Makes the next episodes repeatable.
func set_seed(value: int) -> void:
	_random.seed = value


func get_observation_space() -> Dictionary:
	return MarlSpace.box(_bounds(-INF), _bounds(INF))


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(2)


func _bounds(value: float) -> Array:
	var bounds: Array = []
	bounds.resize(numbers)
	bounds.fill(value)
	return bounds
