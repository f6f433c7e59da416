extends SceneTree
## Replays the golden transcripts with the addon. Prints one line of JSON for each check, with what
## is wrong or an empty text, and at last how many there were.
##
## Run by tests/test_golden.py in a project with the addon, with the folder of the transcripts as
## the only argument.

const _MarlControlMessages := preload("res://addons/godot_marl/protocol/marl_control_messages.gd")
const _MarlMessageValidator := preload("res://addons/godot_marl/protocol/marl_message_validator.gd")
const _MarlReply := preload("res://addons/godot_marl/protocol/marl_reply.gd")
const _MarlSpaceLayout := preload("res://addons/godot_marl/protocol/marl_space_layout.gd")
const _MarlSpaceRegistry := preload(
	"res://addons/godot_marl/protocol/spaces/marl_space_registry.gd"
)
const _MarlStepLayout := preload("res://addons/godot_marl/protocol/marl_step_layout.gd")

const FLIPS: PackedInt32Array = [0x01, 0x80, 0xFF]

var _checks := 0
var _refusals: PackedStringArray = []


func _initialize() -> void:
	var folder := OS.get_cmdline_user_args()[0]
	for file in DirAccess.get_files_at(folder):
		if file.get_extension() == "json":
			var text := FileAccess.get_file_as_string(folder.path_join(file))
			var transcript: Dictionary = JSON.parse_string(text)
			_replay(file.get_basename(), transcript)
	print(JSON.stringify({"checks": _checks}))


# Ends the program after the first frame, even if _initialize failed.
func _process(_delta: float) -> bool:
	return true


func _replay(name: String, transcript: Dictionary) -> void:
	match transcript["kind"]:
		"control":
			_replay_control(name, transcript)
		"space":
			_replay_space(name, transcript)
		"no_space":
			_replay_no_space(name, transcript)
		"step":
			_replay_step(name, transcript)
		"reply":
			_replay_reply(name, transcript)
		"frame":
			_replay_frame(name, transcript)


func _replay_control(name: String, transcript: Dictionary) -> void:
	var message: Dictionary = transcript["message"]
	if transcript["from"] == "game":
		var members: Dictionary = _MarlControlMessages.from_json(message)
		members.erase("type")
		var text := _MarlControlMessages.write(message["type"] as String, members)
		_check(name + ": written", JSON.parse_string(text), message)
		var version := float(_MarlControlMessages.PROTOCOL)
		_check(name + ": version", message.get("protocol", version), version)
		return
	var bytes := _MarlControlMessages.to_text(message).to_utf8_buffer()
	_check(name + ": read", _MarlControlMessages.read(bytes.get_string_from_utf8()), message)
	_check(name + ": allowed", _MarlMessageValidator.problem_of(message.duplicate(true)), "")
	var unnoticed: PackedInt32Array = []
	for place in bytes.size():
		var mutated := bytes.duplicate()
		mutated[place] ^= 1
		if _MarlControlMessages.read(mutated.get_string_from_utf8()) == message:
			unnoticed.append(place)
	_check(name + ": flipped bytes", unnoticed, PackedInt32Array())


func _replay_space(name: String, transcript: Dictionary) -> void:
	var space: Dictionary = _MarlControlMessages.from_json(transcript["message"])
	var values: Dictionary = transcript["values"]
	_check(name + ": right", MarlSpace.problem_of(space), "")
	var widths: PackedInt32Array = []
	var sections: Dictionary = values["sections"]
	for section: String in ["f64", "i64", "f32", "i32", "u8"]:
		widths.append(int(sections.get(section, 0) as float))
	_check(name + ": planned", _MarlSpaceRegistry.layout_of(space).widths, widths)
	if values["marl_space"] != null:
		var built := _build(values["marl_space"] as Array)
		_check(
			name + ": built", _parsed(_MarlControlMessages.to_json(built)), transcript["message"]
		)


func _replay_no_space(name: String, transcript: Dictionary) -> void:
	var number := 0
	for entry: Array in transcript["messages"]:
		var space: Dictionary = _MarlControlMessages.from_json(entry[1])
		var refused := not MarlSpace.problem_of(space).is_empty()
		_check("%s: %d, %s" % [name, number, JSON.stringify(entry[1])], refused, true)
		number += 1


func _replay_step(name: String, transcript: Dictionary) -> void:
	var layout := _layout_of(transcript)
	var message := _bytes_of(transcript)
	var orders: PackedByteArray = []
	var seeds: PackedInt64Array = []
	var given: Dictionary = transcript["values"]
	for order: float in given.get("orders", []):
		orders.append(int(order))
	for next_seed: Variant in given.get("seeds", []):
		seeds.append(_number(next_seed, "int64") as int)
	var size := layout.step_size + orders.size() * _MarlStepLayout.RESET_ORDER_SIZE
	_check(name + ": size", size, message.size())
	_check(name + ": allowed", layout.problem_of_step(message), "")
	var values: Dictionary = transcript["values"]
	var actions := []
	for arena: Array in values["actions"]:
		for slot in arena.size():
			actions.append(_action(_agent_space(transcript, slot, "action_space"), arena[slot]))
	var expected := [int(values["request"] as float), actions, orders, seeds]
	_check(name + ": read", _facts(layout, message), expected)
	_check(name + ": flipped bytes", _unnoticed_flips(layout, transcript), PackedInt32Array())
	_check(name + ": swapped parts", _unnoticed_swaps(layout, transcript), [])
	var allowed: PackedInt32Array = []
	for cut in message.size():
		if _facts(layout, message.slice(0, cut)) != []:
			allowed.append(cut)
	_check(name + ": cut short", allowed, PackedInt32Array())
	var longer := message.duplicate()
	longer.append(0)
	_check(name + ": too long", _facts(layout, longer), [])


func _replay_reply(name: String, transcript: Dictionary) -> void:
	_refusals.clear()
	var expected := _bytes_of(transcript).hex_encode()
	_check(name + ": of arrays", _encode_reply(transcript, false).hex_encode(), expected)
	_check(name + ": of packed arrays", _encode_reply(transcript, true).hex_encode(), expected)
	_check(name + ": refused", _refusals, PackedStringArray())


func _replay_frame(name: String, transcript: Dictionary) -> void:
	var values: Dictionary = transcript["values"]
	var pixels := PackedByteArray(_flatten(values["pixels"]))
	var image := Image.create_from_data(
		int(values["width"] as float),
		int(values["height"] as float),
		false,
		Image.FORMAT_RGB8,
		pixels
	)
	var message := _MarlReply.encode_frame(int(values["request"] as float), image)
	_check(name + ": encoded", message.hex_encode(), _bytes_of(transcript).hex_encode())


# Builds the reply that the values describe, as an arena does.
func _encode_reply(transcript: Dictionary, packed: bool) -> PackedByteArray:
	var values: Dictionary = transcript["values"]
	var request := int(values["request"] as float)
	var frames := int(values["frames"] as float)
	var reply := _gather(transcript, values, packed)
	if not values.has("next"):
		return reply.encode(request, frames)
	var marks: PackedByteArray = []
	marks.resize(int(transcript["scene"]["arenas"] as float))
	for arena: float in values["reset"]:
		marks[int(arena)] = 1
	var next := _gather(transcript, values["next"] as Dictionary, packed)
	return reply.encode(request, frames, marks, next)


func _gather(transcript: Dictionary, values: Dictionary, packed: bool) -> _MarlReply:
	var scene: Dictionary = transcript["scene"]
	var reply := _MarlReply.new()
	_soil(reply)
	for arena in (values["flags"] as Array).size():
		var agents: Array = scene["agents"]
		for slot in agents.size():
			var mask_size := int(agents[slot]["action_mask"] as float)
			var flags := int(values["flags"][arena][slot] as float)
			var space := _agent_space(transcript, slot, "observation_space")
			if flags & _MarlReply._Flag.OBSERVED == 0:
				reply.skip_slot(_MarlSpaceRegistry.layout_of(space), mask_size, flags)
				continue
			# The second part has none.
			if values.has("rewards"):
				reply.rewards.append(values["rewards"][arena][slot] as float)
			reply.flags.append(flags)
			if mask_size > 0:
				reply.masks.append_array(PackedByteArray(values["masks"][arena][slot] as Array))
			_append(reply, space, values["observations"][arena][slot], packed)
		if scene["state_space"] != null:
			var state_space: Dictionary = _MarlControlMessages.from_json(scene["state_space"])
			_append(reply, state_space, values["state"][arena], packed)
		reply.infos.append(values["infos"][arena])
	return reply


# Fills and clears the reply, so that zeros left over from before would show.
func _soil(reply: _MarlReply) -> void:
	for i in 100:
		reply.rewards.append(-1.0)
		reply.flags.append(255)
		reply.masks.append(255)
		reply.observations.f64.append(-1.0)
		reply.observations.i64.append(-1)
		reply.observations.f32.append(-1.0)
		reply.observations.i32.append(-1)
		reply.observations.u8.append(255)
	reply.infos.append({"old": {"old": true}})
	reply.clear()


func _append(reply: _MarlReply, space: Dictionary, value: Variant, packed: bool) -> void:
	var layout := _MarlSpaceRegistry.layout_of(space)
	if value == null:
		reply.observations.skip(layout)
		return
	var problem := reply.observations.append(layout, _observation(space, value, packed))
	_refusals.append_array(problem)


# What the layout takes from a step request: the request, the actions, the orders and the seeds, or
# nothing if it refuses.
func _facts(layout: _MarlStepLayout, message: PackedByteArray) -> Array:
	if not layout.problem_of_step(message).is_empty():
		return []
	layout.read_step(message)
	return [
		message.decode_u32(4),
		layout.get_actions(),
		layout.read_reset_orders(message),
		layout.read_seeds(message),
	]


func _unnoticed_flips(layout: _MarlStepLayout, transcript: Dictionary) -> PackedInt32Array:
	var message := _bytes_of(transcript)
	var expected := _facts(layout, message)
	var unnoticed: PackedInt32Array = []
	var begin := 0
	for part: Array in transcript["message"]:
		var end := begin + (part[1] as String).length() / 2
		# The numbers of a slot without action mean nothing.
		if not (part[0] as String).begins_with("unused"):
			for place in range(begin, end):
				for flip in FLIPS:
					var mutated := message.duplicate()
					mutated[place] ^= flip
					if _facts(layout, mutated) == expected:
						unnoticed.append(place)
		begin = end
	return unnoticed


func _unnoticed_swaps(layout: _MarlStepLayout, transcript: Dictionary) -> Array:
	var parts: Array = transcript["message"]
	var message := _bytes_of(transcript)
	var expected := _facts(layout, message)
	var unnoticed := []
	for first in parts.size():
		for second in range(first + 1, parts.size()):
			var swapped := parts.duplicate()
			swapped[first] = parts[second]
			swapped[second] = parts[first]
			var mutated := _bytes_of({"message": swapped})
			if mutated != message and _facts(layout, mutated) == expected:
				unnoticed.append([parts[first][0], parts[second][0]])
	return unnoticed


func _layout_of(transcript: Dictionary) -> _MarlStepLayout:
	var layouts: Array[_MarlSpaceLayout] = []
	var scene: Dictionary = transcript["scene"]
	for slot in (scene["agents"] as Array).size():
		layouts.append(_MarlSpaceRegistry.layout_of(_agent_space(transcript, slot, "action_space")))
	return _MarlStepLayout.new(int(scene["arenas"] as float), layouts)


static func _agent_space(transcript: Dictionary, slot: int, member: String) -> Dictionary:
	return _MarlControlMessages.from_json(transcript["scene"]["agents"][slot][member])


static func _bytes_of(transcript: Dictionary) -> PackedByteArray:
	var hex := ""
	for part: Array in transcript["message"]:
		hex += part[1] as String
	return hex.hex_decode()


static func _build(call: Array) -> Dictionary:
	var arguments: Array = _MarlControlMessages.from_json(call[1])
	match call[0]:
		"image":
			var shape: Array = arguments[0] if arguments.size() == 1 else arguments
			return MarlSpace.image(int(shape[0]), int(shape[1]), int(shape[2]))
		"box_of_shape":
			return MarlSpace.box_of_shape(arguments[0], arguments[1], arguments[2], arguments[3])
		"discrete":
			return MarlSpace.discrete(int(arguments[0]), int(arguments[1]))
		"multi_discrete":
			return MarlSpace.multi_discrete(arguments[0])
		"multi_binary":
			return MarlSpace.multi_binary(int(arguments[0]))
		"dict":
			return MarlSpace.dict(arguments[0])
	return MarlSpace.tuple(arguments[0])


# An action as apply_action receives it, or null.
static func _action(space: Dictionary, value: Variant) -> Variant:
	if value == null:
		return null
	var action: Variant = _value(space, value)
	return [action] if action is Dictionary else action


static func _value(space: Dictionary, value: Variant) -> Variant:
	match space["type"]:
		"dict":
			var by_name := {}
			for key: String in space["spaces"]:
				by_name[key] = _value(space["spaces"][key] as Dictionary, value[key])
			return by_name
		"tuple":
			var list := []
			for i in (space["spaces"] as Array).size():
				list.append(_value(space["spaces"][i] as Dictionary, value[i]))
			return list
	var dtype := str(space.get("dtype", "int64"))
	return _flatten(value).map(func(number: Variant) -> Variant: return _number(number, dtype))


# An observation as get_observation answers it.
static func _observation(space: Dictionary, value: Variant, packed: bool) -> Variant:
	match space["type"]:
		"dict":
			var by_name := {}
			for key: String in space["spaces"]:
				by_name[key] = _observation(space["spaces"][key] as Dictionary, value[key], packed)
			return by_name
		"tuple":
			var list := []
			for i in (space["spaces"] as Array).size():
				list.append(_observation(space["spaces"][i] as Dictionary, value[i], packed))
			return list
	if not packed:
		return _nested(value, str(space.get("dtype", "int64")))
	var numbers: Array = _value(space, value)
	match space.get("dtype", "int64"):
		"float64":
			return PackedFloat64Array(numbers)
		"float32":
			return PackedFloat32Array(numbers)
		"uint8":
			return PackedByteArray(numbers)
		"int64":
			return PackedInt64Array(numbers)
	return PackedInt32Array(numbers)


static func _nested(value: Variant, dtype: String) -> Variant:
	if value is Array:
		return (value as Array).map(func(item: Variant) -> Variant: return _nested(item, dtype))
	return _number(value, dtype)


static func _number(value: Variant, dtype: String) -> Variant:
	if dtype.begins_with("float"):
		return value as float
	return (value as String).to_int() if value is String else int(value as float)


static func _flatten(value: Variant) -> Array:
	if not value is Array:
		return [value]
	var flat := []
	for item: Variant in value:
		flat.append_array(_flatten(item))
	return flat


# The same value after a way through JSON, in which all numbers are floats.
static func _parsed(value: Variant) -> Variant:
	return JSON.parse_string(JSON.stringify(value))


func _check(name: String, got: Variant, expected: Variant) -> void:
	var problem := ""
	if typeof(got) != typeof(expected) or got != expected:
		problem = "expected %s, got %s" % [expected, got]
	_checks += 1
	print(JSON.stringify({"check": name, "problem": problem}))
