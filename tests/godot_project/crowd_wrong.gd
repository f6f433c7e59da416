extends Node
## A node of three agents that the environment variable WRONG lets answer something wrong: JSON,
## from method to answer. An answer {"bytes": [...]} is a PackedByteArray of these numbers, and
## {"later": ...} holds from the second episode on. The last keys that it
## looks at are other scenes.

const COUNT := 3


class Group:
	extends Node
	var wrong := {}
	var episodes := 0

	func get_agent_count() -> Variant:
		return _answer("get_agent_count", COUNT)

	func apply_action(_actions: PackedInt64Array) -> void:
		pass

	func get_observation() -> Variant:
		return _answer("get_observation", PackedFloat32Array([0, 1, 2, 3, 4, 5]))

	func get_reward() -> Variant:
		return _answer("get_reward", PackedFloat32Array([0, 1, 2]))

	func is_done() -> Variant:
		return _answer("is_done", PackedByteArray([0, 0, 0]))

	func is_truncated() -> Variant:
		return _answer("is_truncated", [false, 0, 0.0])

	func get_info() -> Variant:
		return _answer("get_info", [{}, {}, {}])

	func get_action_mask() -> Variant:
		return _answer("get_action_mask", PackedByteArray([1, 1, 1, 1, 1, 1]))

	func reset() -> void:
		episodes += 1

	func get_action_space() -> Dictionary:
		return _answer("get_action_space", MarlSpace.discrete(2))

	func get_agent_name() -> Variant:
		return _answer("get_agent_name", "ant")

	func _answer(method: String, right: Variant) -> Variant:
		var answer: Variant = wrong.get(method, right)
		if answer is Dictionary and answer.has("later"):
			answer = answer["later"] if episodes > 0 else right
		if answer is Dictionary and answer.has("bytes"):
			answer = PackedByteArray(answer["bytes"] as Array)
		# JSON has no integers.
		return int(answer) if answer is float and method == "get_agent_count" else answer


class GroupWithSpace:
	extends Group

	func get_observation_space() -> Variant:
		return wrong["get_observation_space"]


class GroupWithTurns:
	extends Group

	func is_turn() -> bool:
		return true


class GroupWithPerson:
	extends Group

	func get_human_action() -> Array:
		return []


var _newborn: Group


func _ready() -> void:
	var wrong: Dictionary = JSON.parse_string(OS.get_environment("WRONG"))
	var kinds := {
		"get_observation_space": GroupWithSpace,
		"is_turn": GroupWithTurns,
		"person": GroupWithPerson
	}
	var group := Group.new()
	for key: String in kinds:
		if wrong.has(key):
			group.free()
			group = (kinds[key] as GDScript).new()
	group.wrong = wrong
	group.name = "Ants"
	add_child(group)
	if wrong.has("beside"):
		var other := Group.new()
		other.wrong = {"get_agent_name": wrong["beside"]}
		other.name = "Others"
		add_child(other)
	if wrong.has("birth"):
		_newborn = Group.new()
		_newborn.name = "Bees"
		_newborn.wrong = {"get_agent_name": "bee"}


func reset_arena() -> void:
	pass


func _physics_process(_delta: float) -> void:
	if _newborn and not _newborn.get_parent():
		add_child(_newborn)
