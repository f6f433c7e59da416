class_name MarlSocket
extends RefCounted
## The client's side of a WebSocket (RFC 6455) over TCP.
##
## Godot's WebSocketPeer sends a message in several pieces, and nothing can wait for it but a loop
## that polls. Here a message is one write, and [method wait] sleeps until something arrives.

## How the connection is.
enum State { CONNECTING, OPEN, CLOSED }
## The opcodes of section 5.2.
enum Opcode { CONTINUATION, TEXT, BINARY, CLOSE = 8, PING, PONG }

const _GUID := "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
const _FIN := 0x80
const _MASKED := 0x80
# The upgrade's response is no longer than this, and no message either.
const _LONGEST_RESPONSE := 16_384
const _LONGEST_MESSAGE := 1 << 26

## How the connection is, as of the last [method poll].
var state := State.CONNECTING
## True once the other side has agreed to talk.
var was_open := false
## Why the other side closed, or what went wrong; empty while nothing has.
var close_reason := ""

var _tcp := StreamPeerTCP.new()
var _request := ""
var _accept := ""
var _is_requested := false
var _inbox := PackedByteArray()
var _messages: Array[Variant] = []
# Of a message that comes in several frames.
var _fragments := PackedByteArray()
var _fragments_opcode := Opcode.CONTINUATION


## Begins to connect to [param url], ws://HOST:PORT with or without a path, with [param headers]
## added to the request. Anything but OK is an address that cannot be used.
func open(url: String, headers: PackedStringArray) -> Error:
	var parts := RegEx.create_from_string("^ws://(\\[([^\\]]+)\\]|([^:/]+)):(\\d+)(/.*)?$").search(
		url
	)
	if parts == null:
		return ERR_INVALID_PARAMETER
	var host := parts.get_string(2) + parts.get_string(3)
	var address := host if host.is_valid_ip_address() else IP.resolve_hostname(host)
	if address.is_empty():
		return ERR_CANT_RESOLVE
	var key := Marshalls.raw_to_base64(Crypto.new().generate_random_bytes(16))
	_accept = Marshalls.raw_to_base64((key + _GUID).sha1_buffer())
	var lines: PackedStringArray = [
		"GET %s HTTP/1.1" % (parts.get_string(5) if parts.get_string(5) else "/"),
		"Host: %s:%s" % [parts.get_string(1), parts.get_string(4)],
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: " + key,
	]
	lines.append_array(headers)
	_request = "\r\n".join(lines) + "\r\n\r\n"
	return _tcp.connect_to_host(address, parts.get_string(4).to_int())


## Takes in what has arrived, without waiting.
func poll() -> void:
	if state == State.CONNECTING and not _is_requested:
		_tcp.poll()
		if _tcp.get_status() == StreamPeerTCP.STATUS_CONNECTING:
			return
		_is_requested = true
		_tcp.set_no_delay(true)
		_write(_request.to_utf8_buffer())
	if state == State.CLOSED:
		return
	var size := _tcp.get_available_bytes()
	if size > 0:
		_take(_tcp.get_data(size))


## Sleeps until something arrives, or the connection is lost. There is no deadline: whoever waits
## for ever is ended by the other side.
func wait() -> void:
	if state != State.CLOSED:
		_take(_tcp.get_data(1))
		poll()


## True once the other side has gone; [method poll] does not see that.
func is_lost() -> bool:
	_tcp.poll()
	return _tcp.get_status() != StreamPeerTCP.STATUS_CONNECTED


## True if there is a message to take.
func has_message() -> bool:
	return not _messages.is_empty()


## The next message: a String for a text, a PackedByteArray for a binary one.
func take_message() -> Variant:
	return _messages.pop_front()


## Sends a message.
func send(opcode: Opcode, payload: PackedByteArray) -> Error:
	var size := payload.size()
	var frame := PackedByteArray()
	# Masked, as a client must, with a mask of zeros: there is no proxy here to be protected.
	if size < 126:
		frame.resize(6)
		frame[1] = _MASKED | size
	elif size < 0x10000:
		frame.resize(8)
		frame[1] = _MASKED | 126
		frame[2] = size >> 8
		frame[3] = size & 0xFF
	else:
		frame.resize(14)
		frame[1] = _MASKED | 127
		for i in 8:
			frame[2 + i] = size >> (56 - 8 * i) & 0xFF
	frame[0] = _FIN | opcode
	frame.append_array(payload)
	return _write(frame)


## Closes, with a close code and the reason in at most 123 bytes.
func close(code: int, reason: String) -> void:
	if state == State.OPEN:
		var payload: PackedByteArray = [code >> 8, code & 0xFF]
		payload.append_array(reason.to_utf8_buffer())
		send(Opcode.CLOSE, payload.slice(0, 125))
	state = State.CLOSED
	_tcp.disconnect_from_host()


func _write(bytes: PackedByteArray) -> Error:
	var error := _tcp.put_data(bytes)
	if error != OK:
		_lose("")
	return error


func _lose(reason: String) -> void:
	close_reason = reason
	state = State.CLOSED


func _take(answer: Array) -> void:
	if answer[0] != OK:
		_lose("")
		return
	var bytes: PackedByteArray = answer[1]
	if _inbox.is_empty():
		_inbox = bytes
	else:
		_inbox.append_array(bytes)
	if state == State.CONNECTING:
		_take_response()
	while state == State.OPEN and _take_frame():
		pass


func _take_response() -> void:
	var end := _inbox.get_string_from_ascii().find("\r\n\r\n")
	if end < 0:
		if _inbox.size() > _LONGEST_RESPONSE:
			_lose("this is no WebSocket server")
		return
	var lines := _inbox.slice(0, end).get_string_from_ascii().split("\r\n")
	_inbox = _inbox.slice(end + 4)
	var headers := {}
	for line in lines.slice(1):
		headers[line.get_slice(":", 0).to_lower()] = line.substr(line.find(":") + 1).strip_edges()
	if not lines[0].begins_with("HTTP/1.1 101 "):
		_lose("it answered %s" % lines[0])
	elif headers.get("sec-websocket-accept") != _accept:
		_lose("this is no WebSocket server")
	else:
		state = State.OPEN
		was_open = true


# Takes one whole frame out of the inbox; false if there is none.
func _take_frame() -> bool:
	if _inbox.size() < 2:
		return false
	var size := _inbox[1] & 0x7F
	var begin := 2
	if size == 126:
		begin = 4
	elif size == 127:
		begin = 10
	if _inbox[1] & _MASKED or _inbox[0] & 0x70:
		_refuse("a frame that is masked, or uses an extension")
		return false
	if _inbox.size() < begin:
		return false
	if size > 125:
		size = 0
		for i in range(2, begin):
			size = size << 8 | _inbox[i]
	if size < 0 or size + _fragments.size() > _LONGEST_MESSAGE:
		_refuse("a message that is too large")
		return false
	if _inbox.size() < begin + size:
		return false
	var payload := _inbox.slice(begin, begin + size)
	var first := _inbox[0]
	# Mostly the frame is all that there is.
	_inbox = PackedByteArray() if _inbox.size() == begin + size else _inbox.slice(begin + size)
	_take_payload(first & 0x0F, first & _FIN != 0, payload)
	return true


func _take_payload(opcode: int, is_last: bool, payload: PackedByteArray) -> void:
	match opcode:
		Opcode.TEXT, Opcode.BINARY when _fragments_opcode == Opcode.CONTINUATION:
			if is_last:
				_deliver(opcode, payload)
			else:
				_fragments_opcode = opcode as Opcode
				_fragments = payload
		Opcode.CONTINUATION when _fragments_opcode != Opcode.CONTINUATION:
			_fragments.append_array(payload)
			if is_last:
				_deliver(_fragments_opcode, _fragments)
				_fragments_opcode = Opcode.CONTINUATION
				_fragments = PackedByteArray()
		Opcode.CLOSE:
			send(Opcode.CLOSE, payload.slice(0, 2))
			_lose(payload.slice(2).get_string_from_utf8())
			_tcp.disconnect_from_host()
		Opcode.PING:
			send(Opcode.PONG, payload)
		Opcode.PONG:
			pass
		_:
			_refuse("a frame that does not belong here")


func _deliver(opcode: int, payload: PackedByteArray) -> void:
	_messages.append(
		payload.get_string_from_utf8() if opcode == Opcode.TEXT else payload as Variant
	)


func _refuse(reason: String) -> void:
	close(1002, reason)
	close_reason = reason
