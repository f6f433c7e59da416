extends SceneTree
## Feeds the addon's readers a file of messages, a line of JSON each, and prints for each what it
## took from it. Run by tests/fuzz/test_fuzz_addon.py, with the file and the cases as arguments.

const _MarlControlMessages := preload("res://addons/godot_marl/protocol/marl_control_messages.gd")
const _MarlMessageValidator := preload("res://addons/godot_marl/protocol/marl_message_validator.gd")
const _MarlSpaceLayout := preload("res://addons/godot_marl/protocol/marl_space_layout.gd")
const _MarlSpaceRegistry := preload(
	"res://addons/godot_marl/protocol/spaces/marl_space_registry.gd"
)
const _MarlStepLayout := preload("res://addons/godot_marl/protocol/marl_step_layout.gd")

var _layouts: Array[_MarlStepLayout] = []


func _initialize() -> void:
	var arguments := OS.get_cmdline_user_args()
	var cases: Array = JSON.parse_string(FileAccess.get_file_as_string(arguments[1]))
	for case: Dictionary in cases:
		var layouts: Array[_MarlSpaceLayout] = []
		for space: Variant in case["action_spaces"]:
			layouts.append(
				_MarlSpaceRegistry.layout_of(_MarlControlMessages.from_json(space) as Dictionary)
			)
		_layouts.append(_MarlStepLayout.new(int(case["arenas"] as float), layouts))
	var file := FileAccess.open(arguments[0], FileAccess.READ)
	var count := 0
	while file.get_position() < file.get_length():
		var entry: Dictionary = JSON.parse_string(file.get_line())
		var bytes := (entry["hex"] as String).hex_decode()
		var facts: Variant
		match entry["kind"]:
			"control":
				facts = _control_facts(bytes)
			"space":
				facts = _space_facts(bytes)
			"step":
				facts = _step_facts(_layouts[int(entry["case"] as float)], bytes)
		print(_MarlControlMessages.to_text({"facts": facts}))
		count += 1
	print(_MarlControlMessages.to_text({"count": count}))


# Ends the program after the first frame, even if _initialize failed.
func _process(_delta: float) -> bool:
	return true


# The members of a message that is allowed, seeds as the integers that they are read as; else null.
static func _control_facts(bytes: PackedByteArray) -> Variant:
	var message := _MarlControlMessages.read(bytes.get_string_from_utf8())
	if message.is_empty() or not _MarlMessageValidator.problem_of(message).is_empty():
		return null
	if message["type"] == "reset":
		var seeds := []
		for wish: Dictionary in message["arenas"]:
			seeds.append(str(str(wish["seed"]).to_int()))
		message["seeds"] = seeds
	return message


# The elements that a space has in each section, or null.
static func _space_facts(bytes: PackedByteArray) -> Variant:
	var parser := JSON.new()
	if parser.parse(bytes.get_string_from_utf8()) != OK or not parser.data is Dictionary:
		return null
	var space: Dictionary = _MarlControlMessages.from_json(parser.data)
	if not MarlSpace.problem_of(space).is_empty():
		return null
	return _MarlSpaceRegistry.layout_of(space).widths


static func _step_facts(layout: _MarlStepLayout, bytes: PackedByteArray) -> Variant:
	if not layout.problem_of_step(bytes).is_empty():
		return null
	layout.read_step(bytes)
	return {
		"request": bytes.decode_u32(4),
		"actions": layout.get_actions().map(_leaves),
		"orders": Array(layout.read_reset_orders(bytes)),
		"seeds": Array(layout.read_seeds(bytes)).map(str),
	}


# The numbers of an action in order, as the bytes of float64 or int64; null if there is none.
static func _leaves(action: Variant) -> Variant:
	if action == null:
		return null
	var text := ""
	if action is Dictionary:
		var names := (action as Dictionary).keys()
		names.sort()
		for name: String in names:
			text += _leaves(action[name]) as String
	elif action is Array:
		for item: Variant in action:
			text += _leaves(item) as String
	elif action is float:
		text = PackedFloat64Array([action]).to_byte_array().hex_encode()
	else:
		text = PackedInt64Array([action]).to_byte_array().hex_encode()
	return text
