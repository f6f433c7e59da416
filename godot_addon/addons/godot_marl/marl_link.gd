class_name MarlLink
extends RefCounted
## The socket to Python, and nothing else.

# A WebSocketPeer allocates its buffers when it connects, and a larger message is lost. Only what
# is used of them takes memory.
const _INBOUND_BYTES := 1 << 24
const _OUTBOUND_BYTES := 1 << 26

## The address that is connected to.
var url := ""

var _peer: WebSocketPeer
var _headers: PackedStringArray = []


func _init(address: String, token: String) -> void:
	url = address
	if token:
		_headers = ["Authorization: Bearer " + token]


## Begins to connect, again if need be. Anything but OK is a malformed address.
func open() -> Error:
	_peer = WebSocketPeer.new()
	_peer.supported_protocols = [MarlControl.SUBPROTOCOL]
	_peer.handshake_headers = _headers
	_peer.inbound_buffer_size = _INBOUND_BYTES
	_peer.outbound_buffer_size = _OUTBOUND_BYTES
	return _peer.connect_to_url(url)


## Lets the socket work; call it before everything else.
func poll() -> void:
	_peer.poll()


## True once messages can be exchanged.
func is_open() -> bool:
	return _peer.get_ready_state() == WebSocketPeer.STATE_OPEN


## True when it is over, or never came to be.
func is_closed() -> bool:
	return _peer.get_ready_state() == WebSocketPeer.STATE_CLOSED


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


## Sends small messages at once.
func set_no_delay() -> void:
	_peer.set_no_delay(true)
