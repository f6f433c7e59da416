extends RefCounted
## The reply to a reset or a step while it is collected (protocol, section 6); and an image
## (section 7).

## The bits of a slot's flags, clause 6.3.
enum _Flag { OBSERVED = 1, TERMINATED = 2, TRUNCATED = 4, JOINED = 8, LEFT = 16, TURN = 32 }

const _MarlControlMessages := preload("res://addons/godot_marl/protocol/marl_control_messages.gd")
const _MarlReply := preload("res://addons/godot_marl/protocol/marl_reply.gd")
const _MarlSectionBuffers := preload("res://addons/godot_marl/protocol/marl_section_buffers.gd")
const _MarlSpaceLayout := preload("res://addons/godot_marl/protocol/marl_space_layout.gd")

const _KIND_REPLY := 2
const _KIND_FRAME := 3
const _FLAG_NEXT := 1

## One reward for each slot.
var rewards := PackedFloat64Array()
## The flags of each slot.
var flags := PackedByteArray()
## The masks of the slots that have one.
var masks := PackedByteArray()
## The observations and the state.
var observations := _MarlSectionBuffers.new()
## By arena: the infos by agent name.
var infos: Array[Dictionary] = []


## Begins another reply.
func clear() -> void:
	rewards.clear()
	flags.clear()
	masks.clear()
	observations.clear()
	infos.clear()


## Adds a slot that has no part in this reply or, with [param slot_flags], that left.
func skip_slot(layout: _MarlSpaceLayout, mask_size: int, slot_flags: int = 0) -> void:
	rewards.append(0.0)
	flags.append(slot_flags)
	masks.resize(masks.size() + mask_size)
	observations.skip(layout)


## The message. If [param was_reset] is not empty, it has a 1 for each arena that was reset, and
## [param next] holds the beginning of these arenas' next episodes (clause 6.5).
func encode(
	request: int, frames: int, was_reset := PackedByteArray(), next: _MarlReply = null
) -> PackedByteArray:
	var tail := _encode_tail(next)
	var message := PackedByteArray()
	message.resize(16)
	message[0] = _KIND_REPLY
	message.encode_u32(4, request)
	message.encode_u32(8, tail.size())
	message.encode_u32(12, frames)
	message.append_array(rewards.to_byte_array())
	_encode_observations(message)
	if next:
		message[1] = _FLAG_NEXT
		message.append_array(was_reset)
		next._encode_observations(message)
	message.append_array(tail)
	return message


func _encode_observations(message: PackedByteArray) -> void:
	message.append_array(observations.f64.to_byte_array())
	message.append_array(observations.i64.to_byte_array())
	message.append_array(observations.f32.to_byte_array())
	message.append_array(observations.i32.to_byte_array())
	message.append_array(flags)
	message.append_array(masks)
	message.append_array(observations.u8)


func _encode_tail(next: _MarlReply) -> PackedByteArray:
	var members := {}
	if _has_infos():
		members["infos"] = infos
	if next and next._has_infos():
		members["next_infos"] = next.infos
	if members.is_empty():
		return []
	return _MarlControlMessages.to_text(members).to_utf8_buffer()


func _has_infos() -> bool:
	for by_agent in infos:
		if not by_agent.is_empty():
			return true
	return false


## An image as a message; it must be of [constant Image.FORMAT_RGB8].
static func encode_frame(request: int, image: Image) -> PackedByteArray:
	var message := PackedByteArray()
	message.resize(24)
	message[0] = _KIND_FRAME
	message.encode_u32(4, request)
	message.encode_u32(8, image.get_width())
	message.encode_u32(12, image.get_height())
	message.encode_u32(16, 3)
	message.append_array(image.get_data())
	return message
