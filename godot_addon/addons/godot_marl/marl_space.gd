class_name MarlSpace
extends RefCounted
## Builds the spaces that an agent returns from [code]get_observation_space()[/code] and
## [code]get_action_space()[/code].
##
## A space is a [Dictionary] as in section 3 of the protocol.

const _MarlBoxSpace := preload("res://addons/godot_marl/protocol/spaces/marl_box_space.gd")
const _MarlSpaceRegistry := preload(
	"res://addons/godot_marl/protocol/spaces/marl_space_registry.gd"
)

## The element types that a box can have.
const DTYPES := _MarlBoxSpace.DTYPES

## How many elements a space can have.
const MOST_ELEMENTS := _MarlBoxSpace.MOST_ELEMENTS


## The [param n] integers from [param start]. As an action it arrives as [code][2][/code].
static func discrete(n: int, start: int = 0) -> Dictionary:
	return {"type": "discrete", "n": n, "start": start}


## One integer from 0 up to below [code]nvec[i][/code] for each [code]i[/code].
static func multi_discrete(nvec: Array) -> Dictionary:
	return {"type": "multi_discrete", "nvec": nvec}


## [param n] zeros and ones.
static func multi_binary(n: int) -> Dictionary:
	return {"type": "multi_binary", "n": n}


## Numbers between [param low] and [param high], one of each for every element. Bounds may be
## [constant @GDScript.INF].
static func box(low: Array, high: Array, dtype: String = "float32") -> Dictionary:
	return {"type": "box", "shape": [low.size()], "dtype": dtype, "low": low, "high": high}


## Numbers of any shape with the same bounds for every element.
static func box_of_shape(
	shape: Array, low: float = -INF, high: float = INF, dtype: String = "float32"
) -> Dictionary:
	return {"type": "box", "shape": shape, "dtype": dtype, "low": low, "high": high}


## The bytes of an image, row by row, as [method Image.get_data] returns them.
static func image(height: int, width: int, channels: int = 3) -> Dictionary:
	return box_of_shape([height, width, channels], 0.0, 255.0, "uint8")


## A named space for each key of [param spaces].
static func dict(spaces: Dictionary) -> Dictionary:
	return {"type": "dict", "spaces": spaces}


## One space after the other.
static func tuple(spaces: Array) -> Dictionary:
	return {"type": "tuple", "spaces": spaces}


## An unbounded float32 space of the shape of [param observation], or an empty Dictionary.
static func like(observation: Variant) -> Dictionary:
	if observation is Dictionary:
		var spaces := {}
		for key: Variant in observation:
			spaces[key] = like(observation[key])
			if (spaces[key] as Dictionary).is_empty():
				return {}
		return dict(spaces)
	if observation is Array or typeof(observation) >= TYPE_PACKED_BYTE_ARRAY:
		var shape := []
		var level: Variant = observation
		while level is Array or typeof(level) >= TYPE_PACKED_BYTE_ARRAY:
			var list := Array(level)
			if list.is_empty():
				return {}
			shape.append(list.size())
			level = list[0]
		if level is float or level is int:
			return box_of_shape(shape)
	return {}


## What is wrong with [param space], or an empty text.
static func problem_of(space: Dictionary) -> String:
	return _MarlSpaceRegistry.problem_of(space)
