class_name PictureCart
extends CartPole
## A [CartPole] that observes an image: black, with a white dot at the position of the cart.

## Width and height in pixels.
const SIDE := 84
const CHANNELS := 3

var _picture := PackedByteArray()
var _dot := 0


func _ready() -> void:
	super()
	_picture.resize(SIDE * SIDE * CHANNELS)


func get_observation() -> PackedByteArray:
	var share := clampf(0.5 + 0.5 * _position / MAX_POSITION, 0.0, 1.0)
	_picture[_dot] = 0
	@warning_ignore("integer_division")
	var row := SIDE / 2
	_dot = (row * SIDE + int(share * (SIDE - 1))) * CHANNELS
	_picture[_dot] = 255
	return _picture


func get_observation_space() -> Dictionary:
	return MarlSpace.image(SIDE, SIDE, CHANNELS)
