extends RefCounted
## Encodes and decodes control messages (protocol, section 2) and other JSON.

## The version of the protocol that this addon uses.
const PROTOCOL := 1
## The WebSocket subprotocol of this version.
const SUBPROTOCOL := "godot-marl.v1"
## The version of this addon.
const ADDON_VERSION := "0.2.0"
## How many bytes of text a message may have after the handshake, clause 1.7.
const LONGEST_TEXT := 1 << 24

## The close code for a message that the protocol does not allow, clause 1.6.
const CLOSE_PROTOCOL := 4002


## A control message as text.
static func write(type: String, members: Dictionary) -> String:
	var message := {"type": type}
	message.merge(members)
	return to_text(to_json(message))


## A value as JSON. Godot escapes a vertical tab as [code]\v[/code], which is not JSON.
static func to_text(value: Variant) -> String:
	var text := JSON.stringify(value, "", false, true)
	if not text.contains("\\v"):
		return text
	# Split at escaped backslashes, so that each backslash left begins an escape.
	var parts := text.split("\\\\")
	for i in parts.size():
		parts[i] = parts[i].replace("\\v", "\\u000b")
	return "\\\\".join(parts)


## The members of the hello message, clause 2.1.
static func hello_of(scene: Node) -> Dictionary:
	return {
		"protocol": PROTOCOL,
		"addon_version": ADDON_VERSION,
		"engine": "Godot %s" % Engine.get_version_info()["string"],
		"debug": OS.is_debug_build(),
		"scene": scene.scene_file_path if scene else "",
	}


## The members of a control message; an empty Dictionary if the text is not one.
static func read(text: String) -> Dictionary:
	var parser := JSON.new()
	if parser.parse(text) != OK or not parser.data is Dictionary:
		return {}
	var message: Dictionary = parser.data
	if not message.get("type") is String:
		return {}
	return message


## The same value with infinite numbers as texts (section 2).
static func to_json(value: Variant) -> Variant:
	if value is float and is_inf(value as float):
		return "inf" if value > 0.0 else "-inf"
	if value is Dictionary:
		var members := {}
		for key: Variant in value:
			members[key] = to_json(value[key])
		return members
	if value is Array or typeof(value) >= TYPE_PACKED_BYTE_ARRAY:
		return Array(value).map(to_json)
	return value


## The same value with these texts as infinite numbers again.
static func from_json(value: Variant) -> Variant:
	if value is String:
		match value:
			"inf":
				return INF
			"-inf":
				return -INF
	elif value is Dictionary:
		var members := {}
		for key: Variant in value:
			members[key] = from_json(value[key])
		return members
	elif value is Array:
		return (value as Array).map(from_json)
	return value
