class_name MarlSocket
extends RefCounted
## The client's side of a WebSocket (RFC 6455).
##
## Godot's WebSocketPeer sends a message in several pieces, and nothing can wait for it but a loop
## that polls. Here a message is one write, and [method wait] sleeps until something arrives.

## How the connection is.
enum State { CONNECTING, OPEN, CLOSED }

const _GUID := "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# The upgrade's response is no longer than this.
const _LONGEST_RESPONSE := 16_384

## How the connection is, as of the last [method poll].
var state := State.CONNECTING
## True once the other side has agreed to talk.
var was_open := false
## Why the other side closed, or what went wrong; empty while nothing has.
var close_reason := ""
## What went wrong with an encrypted connection that may yet come about at another attempt.
var doubt := ""
## The bytes that a message may have.
var longest_message := 1 << 26

var _stream := MarlStream.new()
var _request := ""
var _accept := ""
var _is_requested := false
var _inbox := PackedByteArray()
var _messages: Array[Variant] = []
# Of a message that comes in several frames.
var _fragments := PackedByteArray()
var _fragments_opcode := MarlFrame.Opcode.CONTINUATION


## Begins to connect to [param url], ws://HOST:PORT or wss://HOST:PORT with or without a path, with
## [param headers] added to the request. With wss the other side must have a certificate that
## [param options] trust. Answers what is wrong with the address, or an empty text.
func open(url: String, headers: PackedStringArray, options: TLSOptions) -> String:
	var form := RegEx.create_from_string("^(wss?)://(\\[([^\\]]+)\\]|([^:/]+)):(\\d+)(/.*)?$")
	var parts := form.search(url)
	if parts == null:
		return "the address %s is none: expected ws://HOST:PORT or wss://HOST:PORT" % url
	var host := parts.get_string(3) + parts.get_string(4)
	var address := host if host.is_valid_ip_address() else IP.resolve_hostname(host)
	if address.is_empty():
		return "the host of the address %s cannot be found" % url
	var key := Marshalls.raw_to_base64(Crypto.new().generate_random_bytes(16))
	_accept = Marshalls.raw_to_base64((key + _GUID).sha1_buffer())
	var lines: PackedStringArray = [
		"GET %s HTTP/1.1" % (parts.get_string(6) if parts.get_string(6) else "/"),
		"Host: %s:%s" % [parts.get_string(2), parts.get_string(5)],
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: " + key,
	]
	lines.append_array(headers)
	_request = "\r\n".join(lines) + "\r\n\r\n"
	var trust := options if parts.get_string(1) == "wss" else null
	if _stream.open(address, parts.get_string(5).to_int(), host, trust) != OK:
		return "the address %s cannot be connected to" % url
	return ""


## Takes in what has arrived, without waiting.
func poll() -> void:
	if state == State.CONNECTING and not _is_requested:
		match _stream.poll_opening():
			MarlStream.State.OPENING:
				return
			MarlStream.State.LOST:
				doubt = _stream.problem
				_lose(doubt if _stream.is_hopeless else "")
				return
		_is_requested = true
		_write(_request.to_utf8_buffer())
	if state != State.CLOSED:
		_take(_stream.take_arrived())


## Sleeps until something arrives, or the connection is lost. There is no deadline: whoever waits
## for ever is ended by the other side.
func wait() -> void:
	if state != State.CLOSED:
		_take(_stream.wait())
		poll()


## True once the other side has gone; [method poll] does not see that.
func is_lost() -> bool:
	return _stream.is_lost()


## True if there is a message to take.
func has_message() -> bool:
	return not _messages.is_empty()


## The next message: a String for a text, a PackedByteArray for a binary one.
func take_message() -> Variant:
	return _messages.pop_front()


## Sends a message.
func send(opcode: MarlFrame.Opcode, payload: PackedByteArray) -> Error:
	return _write(MarlFrame.of(opcode, payload))


## Closes, with a close code and the reason in at most 123 bytes.
func close(code: int, reason: String) -> void:
	if state == State.OPEN:
		var payload: PackedByteArray = [code >> 8, code & 0xFF]
		payload.append_array(reason.to_utf8_buffer())
		send(MarlFrame.Opcode.CLOSE, payload.slice(0, 125))
	state = State.CLOSED
	_stream.close()


func _write(bytes: PackedByteArray) -> Error:
	var error := _stream.put(bytes)
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
	if bytes.is_empty():
		return
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
	if _inbox[1] & MarlFrame.MASKED or _inbox[0] & 0x70:
		_refuse("a frame that is masked, or uses an extension")
		return false
	if _inbox.size() < begin:
		return false
	if size > 125:
		size = 0
		for i in range(2, begin):
			size = size << 8 | _inbox[i]
	if size < 0 or size + _fragments.size() > longest_message:
		_refuse("a message that is too large")
		return false
	if _inbox.size() < begin + size:
		return false
	var payload := _inbox.slice(begin, begin + size)
	var first := _inbox[0]
	# Mostly the frame is all that there is.
	_inbox = PackedByteArray() if _inbox.size() == begin + size else _inbox.slice(begin + size)
	_take_payload(first & 0x0F, first & MarlFrame.FIN != 0, payload)
	return true


func _take_payload(opcode: int, is_last: bool, payload: PackedByteArray) -> void:
	match opcode:
		MarlFrame.Opcode.TEXT, MarlFrame.Opcode.BINARY when (
			_fragments_opcode == MarlFrame.Opcode.CONTINUATION
		):
			if is_last:
				_deliver(opcode, payload)
			else:
				_fragments_opcode = opcode as MarlFrame.Opcode
				_fragments = payload
		MarlFrame.Opcode.CONTINUATION when _fragments_opcode != MarlFrame.Opcode.CONTINUATION:
			_fragments.append_array(payload)
			if is_last:
				_deliver(_fragments_opcode, _fragments)
				_fragments_opcode = MarlFrame.Opcode.CONTINUATION
				_fragments = PackedByteArray()
		MarlFrame.Opcode.CLOSE:
			send(MarlFrame.Opcode.CLOSE, payload.slice(0, 2))
			_lose(payload.slice(2).get_string_from_utf8())
			_stream.close()
		MarlFrame.Opcode.PING:
			send(MarlFrame.Opcode.PONG, payload)
		MarlFrame.Opcode.PONG:
			pass
		_:
			_refuse("a frame that does not belong here")


func _deliver(opcode: int, payload: PackedByteArray) -> void:
	_messages.append(
		payload.get_string_from_utf8() if opcode == MarlFrame.Opcode.TEXT else payload as Variant
	)


func _refuse(reason: String) -> void:
	close(1002, reason)
	close_reason = reason
