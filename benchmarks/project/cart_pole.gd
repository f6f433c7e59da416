class_name CartPole
extends Node
## A CartPole in GDScript, without bodies: the equations of Barto, Sutton and Anderson (1983),
## integrated by Euler's method as in Gymnasium's CartPole.
##
## It lacks get_observation: see [NumberCart] and [PictureCart].

## Forces and masses, in newtons, kilograms, metres and seconds.
const FORCE := 10.0
const GRAVITY := 9.8
const CART_MASS := 1.0
const POLE_MASS := 0.1
const MASS := CART_MASS + POLE_MASS
const HALF_LENGTH := 0.5
const SECONDS := 0.02
## The angle in radians beyond which the pole has fallen.
const MAX_ANGLE := 12.0 * PI / 180.0
## The distance from the middle, in metres, beyond which the cart has left the track.
const MAX_POSITION := 2.4
## The steps after which an episode is truncated.
const MAX_STEPS := 250

## Whether an episode ends when the pole has fallen. If not, every episode has MAX_STEPS steps, so
## that every agent acts in every step.
var falls := true

var _random := RandomNumberGenerator.new()
var _force := 0.0
var _position := 0.0
var _speed := 0.0
var _angle := 0.0
var _turn := 0.0
var _steps := 0
var _max_angle := MAX_ANGLE
var _max_position := MAX_POSITION


func _ready() -> void:
	if not falls:
		_max_angle = INF
		_max_position = INF


func _physics_process(_delta: float) -> void:
	var sine := sin(_angle)
	var cosine := cos(_angle)
	var push := (_force + POLE_MASS * HALF_LENGTH * _turn * _turn * sine) / MASS
	var turning := (
		(GRAVITY * sine - cosine * push)
		/ (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * cosine * cosine / MASS))
	)
	_position += SECONDS * _speed
	_speed += SECONDS * (push - POLE_MASS * HALF_LENGTH * turning * cosine / MASS)
	_angle += SECONDS * _turn
	_turn += SECONDS * turning
	_steps += 1


## Pushes to the left (0) or to the right (1).
func apply_action(action: Array) -> void:
	_force = FORCE if action[0] == 1 else -FORCE


## One for each step.
func get_reward() -> float:
	return 1.0


## The pole has fallen, or the cart has left the track.
func is_done() -> bool:
	return absf(_angle) > _max_angle or absf(_position) > _max_position


## The episode has had all its steps.
func is_truncated() -> bool:
	return _steps >= MAX_STEPS


## Near the middle, almost at rest.
func reset() -> void:
	_force = 0.0
	_position = _random.randf_range(-0.05, 0.05)
	_speed = _random.randf_range(-0.05, 0.05)
	_angle = _random.randf_range(-0.05, 0.05)
	_turn = _random.randf_range(-0.05, 0.05)
	_steps = 0


## Seeds the next episodes.
func set_seed(value: int) -> void:
	_random.seed = value


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(2)
