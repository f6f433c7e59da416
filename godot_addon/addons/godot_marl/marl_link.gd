class_name MarlLink
extends RefCounted
## The socket to Python, and nothing else.

## How the connection is.
enum State { CONNECTING, OPEN, LOST, UNREACHABLE }

const _RETRY_USEC := 200_000

# A WebSocketPeer allocates its buffers when it connects, and a larger message is lost. Only what
# is used of them takes memory.
const _INBOUND_BYTES := 1 << 24
const _OUTBOUND_BYTES := 1 << 26

## The address that is connected to.
var url := ""

var _peer: WebSocketPeer
var _headers: PackedStringArray = []
var _deadline := 0
var _last_attempt := 0
var _was_open := false


func _init(address: String, token: String, timeout: float) -> void:
	url = address
	_deadline = Time.get_ticks_usec() + int(timeout * 1e6)
	if token:
		_headers = ["Authorization: Bearer " + token]


## Begins to connect. Anything but OK is a malformed address.
func open() -> Error:
	_last_attempt = Time.get_ticks_usec()
	_peer = WebSocketPeer.new()
	_peer.supported_protocols = [MarlControl.SUBPROTOCOL]
	_peer.handshake_headers = _headers
	_peer.inbound_buffer_size = _INBOUND_BYTES
	_peer.outbound_buffer_size = _OUTBOUND_BYTES
	return _peer.connect_to_url(url)


## Lets the socket work, and answers how it is; call it before everything else. While nobody
## answers, it tries again.
func poll() -> State:
	_peer.poll()
	match _peer.get_ready_state():
		WebSocketPeer.STATE_OPEN:
			if not _was_open:
				_was_open = true
				# Small messages go at once.
				_peer.set_no_delay(true)
			return State.OPEN
		WebSocketPeer.STATE_CLOSED:
			if _was_open or _peer.get_close_reason():
				return State.LOST
			if Time.get_ticks_usec() - _last_attempt > _RETRY_USEC:
				open()
	var is_late := Time.get_ticks_usec() > _deadline and not _was_open
	return State.UNREACHABLE if is_late else State.CONNECTING


## Why Python closed, or an empty text.
func get_close_reason() -> String:
	return _peer.get_close_reason()


## True if a message has arrived.
func has_message() -> bool:
	return _peer.get_available_packet_count() > 0


## The next message: a String for a text, a PackedByteArray for a binary one.
func receive() -> Variant:
	var packet := _peer.get_packet()
	if _peer.was_string_packet():
		return packet.get_string_from_utf8()
	return packet


## Sends a control message.
func send_text(text: String) -> Error:
	return _peer.send_text(text)


## Sends a binary message.
func send_bytes(bytes: PackedByteArray) -> Error:
	return _peer.send(bytes)


## Closes, with the reason in at most 123 bytes.
func close(code: int, reason: String) -> void:
	_peer.close(code, reason.left(120))
	_peer.poll()
