extends Node
## An agent whose person says, call by call, what the root's option "answers" holds as GDScript
## values; the last of them again and again. Its info has the results.

const People := preload("res://people.gd")

var asked := 0
var applied: PackedStringArray = []

@onready var _people: People = get_parent()


func apply_action(action: Array) -> void:
	applied.append(str(action))


func get_observation() -> Array:
	return [_people.frames]


func get_reward() -> float:
	return 0.0


func is_done() -> bool:
	return false


func reset() -> void:
	asked = 0
	applied.clear()


func get_info() -> Dictionary:
	return {"asked": asked, "applied": applied}


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(3)


func get_human_action() -> Variant:
	var answers: Array = _people.answers.get(str(name), ["[]"])
	var text: String = answers[mini(asked, answers.size() - 1)]
	asked += 1
	if asked == 1:
		print(name, " was asked")
	if text == "fail":
		return answers[answers.size()]
	return str_to_var(text)
