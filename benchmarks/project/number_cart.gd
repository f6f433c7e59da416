class_name NumberCart
extends CartPole
## A [CartPole] that observes numbers: position, speed, angle, angular speed, and zeros.

## How many numbers an observation has, at least 4.
var numbers := 4

var _padding: Array = []


func _ready() -> void:
	super()
	_padding.resize(numbers - 4)
	_padding.fill(0.0)


func get_observation() -> Array:
	var observation: Array = [_position, _speed, _angle, _turn]
	if numbers > 4:
		observation.append_array(_padding)
	return observation


func get_observation_space() -> Dictionary:
	return MarlSpace.box(_bounds(-INF), _bounds(INF))


func _bounds(value: float) -> Array:
	var bounds: Array = []
	bounds.resize(numbers)
	bounds.fill(value)
	return bounds
