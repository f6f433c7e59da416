extends Node
## Sheep come and go as the options of the reset say: "schedule" lists for each step what happens.
##
## Each happening is [what, index]; the index counts the sheep that are there (modulo their number).

const Sheep := preload("res://sheep.gd")
const MaskedSheep := preload("res://masked_sheep.gd")

## How many sheep there are at the beginning of an episode.
@export var at_first := 2
## How many may join later; 0 declares none.
@export var most := 3
## Whether the sheep have an action mask, and whether the declaration says so.
@export var masked := false
@export var declares_mask := false

var schedule: Array = []
var _step := 0
var _sheep: Array[Sheep] = []
var _pocket: Array[Sheep] = []
var _made := 0


func _ready() -> void:
	_fill()


func reset_arena() -> void:
	for sheep in _sheep + _pocket:
		sheep.free()
	_sheep.clear()
	_pocket.clear()
	_fill()


func set_options(options: Dictionary) -> Array:
	schedule = options.get("schedule", [])
	return []


func _get_possible_agents() -> Dictionary:
	var sheep := {
		"max": most,
		"observation_space": MarlSpace.box([-INF, -INF], [INF, INF]),
		"action_space": MarlSpace.discrete(2),
		"action_mask": declares_mask,
	}
	return {"sheep": sheep}


func _physics_process(_delta: float) -> void:
	var happenings: Array = schedule[_step] if _step < schedule.size() else []
	_step += 1
	for happening: Array in happenings:
		_let_happen(happening[0] as String, int(happening[1] as float))


func _fill() -> void:
	_step = 0
	_made = 0
	for i in at_first:
		_spawn()


func _spawn() -> void:
	var sheep: Sheep = MaskedSheep.new() if masked else Sheep.new()
	sheep.name = "Sheep"
	sheep.id = _made
	_made += 1
	_sheep.append(sheep)
	add_child(sheep, true)


func _let_happen(what: String, index: int) -> void:
	if what == "spawn":
		_spawn()
	elif what == "back":
		if _pocket:
			_sheep.append(_pocket.pop_back())
			add_child(_sheep[-1], true)
	elif _sheep:
		_let_happen_to(_sheep[index % _sheep.size()], what)


func _let_happen_to(sheep: Sheep, what: String) -> void:
	match what:
		"end":
			sheep.done = true
		"cut":
			sheep.truncated = true
		"rename":
			sheep.name = "Wolf"
		"reparent":
			sheep.reparent($Fold if sheep.get_parent() == self else self)
		"free":
			_sheep.erase(sheep)
			sheep.queue_free()
		"take":
			_sheep.erase(sheep)
			_pocket.append(sheep)
			sheep.get_parent().remove_child(sheep)
