extends "res://rower_plain.gd"
## Observes an image.


func get_observation() -> Variant:
	var pixels := PackedByteArray()
	pixels.resize(12)
	pixels.fill(steps)
	pixels[0] = frames
	return pixels


func get_observation_space() -> Dictionary:
	return MarlSpace.image(2, 2, 3)
