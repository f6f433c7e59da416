extends Node
## An agent with large actions, which observes their bytes.

const SIZE := 20_000

var _bytes := PackedByteArray()


func apply_action(action: Array) -> void:
	_bytes = PackedFloat32Array(action).to_byte_array()


func get_observation() -> PackedByteArray:
	return _bytes


func get_reward() -> float:
	return 1.0


func is_done() -> bool:
	return false


func reset() -> void:
	_bytes.resize(4 * SIZE)
	_bytes.fill(7)


func get_observation_space() -> Dictionary:
	return MarlSpace.box_of_shape([4 * SIZE], 0.0, 255.0, "uint8")


func get_action_space() -> Dictionary:
	return MarlSpace.box_of_shape([SIZE], -INF, INF, "float32")
