class_name Flock
extends Node
## The root of a scene of [code]godot-marl bench --soak[/code]: birds come and leave in mid-episode.

## How many birds an episode begins with.
const AT_FIRST := 4
## How many birds may come later.
const MOST := 12

var _chance := 0.1
var _births := 0


func _ready() -> void:
	_fill()


func _physics_process(_delta: float) -> void:
	if _births < MOST and randf() < _chance:
		_births += 1
		_hatch()


## Replaces all birds.
func reset_arena() -> void:
	for child in get_children():
		if child is Bird:
			child.free()
	_fill()


## Accepts "chance", the probability of a birth in a frame.
func set_options(options: Dictionary) -> Array:
	_chance = options.get("chance", 0.1)
	return options.keys().filter(func(key: Variant) -> bool: return key != "chance")


func get_possible_agents() -> Dictionary:
	var bird := {
		"max": MOST,
		"observation_space": Bird.OBSERVATION_SPACE,
		"action_space": Bird.ACTION_SPACE,
	}
	return {"bird": bird}


func _fill() -> void:
	_births = 0
	for i in AT_FIRST:
		_hatch()


func _hatch() -> void:
	var bird := Bird.new()
	bird.name = "Bird"
	add_child(bird, true)
