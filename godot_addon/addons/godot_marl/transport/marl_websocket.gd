extends RefCounted
## The client side of a WebSocket (RFC 6455).
##
## Godot's WebSocketPeer sends a message in several pieces and can only be polled. Here a message is
## one write, and [method wait] blocks until something arrives.

## The state of the connection.
enum _State { CONNECTING, OPEN, CLOSED }

const _MarlStream := preload("res://addons/godot_marl/transport/marl_stream.gd")
const _MarlWebsocketFrame := preload("res://addons/godot_marl/transport/marl_websocket_frame.gd")

const _GUID := "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# The greatest length of the response to the upgrade.
const _LONGEST_RESPONSE := 16_384

## The state at the last [method poll].
var state := _State.CONNECTING
## True once the server has accepted the upgrade.
var was_open := false
## Why the connection is closed; empty while it is not, and where no reason is known.
var close_reason := ""
## Why a TLS handshake failed; another attempt may succeed.
var tls_failure := ""
## How many bytes a message may have.
var longest_message := 1 << 26

var _stream := _MarlStream.new()
var _request := ""
var _accept := ""
var _is_requested := false
var _inbox := PackedByteArray()
var _messages: Array[Variant] = []
# The parts of a message that comes in several WebSocket frames.
var _fragments := PackedByteArray()
var _fragments_opcode := _MarlWebsocketFrame._Opcode.CONTINUATION


## Begins to connect to [param url], ws://HOST:PORT or wss://HOST:PORT with or without a path, with
## [param headers] added to the request. With wss the server needs a certificate that
## [param options] trust. Returns what is wrong with the address, or an empty text.
func open(url: String, headers: PackedStringArray, options: TLSOptions) -> String:
	var form := RegEx.create_from_string("^(wss?)://(\\[([^\\]]+)\\]|([^:/]+)):(\\d+)(/.*)?$")
	var parts := form.search(url)
	if parts == null:
		return "%s is not an address: expected ws://HOST:PORT or wss://HOST:PORT" % url
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


## Reads what has arrived, without waiting.
func poll() -> void:
	if state == _State.CONNECTING and not _is_requested:
		match _stream.poll_opening():
			_MarlStream._State.OPENING:
				return
			_MarlStream._State.LOST:
				tls_failure = _stream.problem
				_lose(tls_failure if _stream.is_hopeless else "")
				return
		_is_requested = true
		_write(_request.to_utf8_buffer())
	if state != _State.CLOSED:
		_receive_bytes(_stream.take_arrived())


## Blocks until something arrives or the connection is lost. There is no deadline: Python ends a
## game that it no longer needs.
func wait() -> void:
	if state != _State.CLOSED:
		_receive_bytes(_stream.wait())
		poll()


## True once the server is gone, which [method poll] does not notice.
func is_lost() -> bool:
	return _stream.is_lost()


## True if a message has arrived.
func has_message() -> bool:
	return not _messages.is_empty()


## The next message: a String for a text, a PackedByteArray for a binary one.
func receive() -> Variant:
	return _messages.pop_front()


## Sends a message.
func send(opcode: _MarlWebsocketFrame._Opcode, payload: PackedByteArray) -> Error:
	return _write(_MarlWebsocketFrame.of(opcode, payload))


## Closes the connection with a close code and at most 123 bytes of the reason.
func close(code: int, reason: String) -> void:
	if state == _State.OPEN:
		var payload: PackedByteArray = [code >> 8, code & 0xFF]
		payload.append_array(reason.to_utf8_buffer())
		send(_MarlWebsocketFrame._Opcode.CLOSE, payload.slice(0, 125))
	state = _State.CLOSED
	_stream.close()


func _write(bytes: PackedByteArray) -> Error:
	var error := _stream.put(bytes)
	if error != OK:
		_lose("")
	return error


func _lose(reason: String) -> void:
	close_reason = reason
	state = _State.CLOSED


func _receive_bytes(answer: Array) -> void:
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
	if state == _State.CONNECTING:
		_read_response()
	while state == _State.OPEN and _read_frame():
		pass


func _read_response() -> void:
	var end := _inbox.get_string_from_ascii().find("\r\n\r\n")
	if end < 0:
		if _inbox.size() > _LONGEST_RESPONSE:
			_lose("this is not a WebSocket server")
		return
	var lines := _inbox.slice(0, end).get_string_from_ascii().split("\r\n")
	_inbox = _inbox.slice(end + 4)
	var headers := {}
	for line in lines.slice(1):
		headers[line.get_slice(":", 0).to_lower()] = line.substr(line.find(":") + 1).strip_edges()
	if not lines[0].begins_with("HTTP/1.1 101 "):
		_lose("it answered %s" % lines[0])
	elif headers.get("sec-websocket-accept") != _accept:
		_lose("this is not a WebSocket server")
	else:
		state = _State.OPEN
		was_open = true


# Reads one complete WebSocket frame from the inbox; false if there is none.
func _read_frame() -> bool:
	if _inbox.size() < 2:
		return false
	var size := _inbox[1] & 0x7F
	var begin := 2
	if size == 126:
		begin = 4
	elif size == 127:
		begin = 10
	if _inbox[1] & _MarlWebsocketFrame.MASKED or _inbox[0] & 0x70:
		_reject("a frame that is masked or uses an extension")
		return false
	if _inbox.size() < begin:
		return false
	if size > 125:
		size = 0
		for i in range(2, begin):
			size = size << 8 | _inbox[i]
	if size < 0 or size + _fragments.size() > longest_message:
		_reject("a message that is too large")
		return false
	if _inbox.size() < begin + size:
		return false
	var payload := _inbox.slice(begin, begin + size)
	var first := _inbox[0]
	# Usually the inbox holds one frame.
	_inbox = PackedByteArray() if _inbox.size() == begin + size else _inbox.slice(begin + size)
	_handle_payload(first & 0x0F, first & _MarlWebsocketFrame.FIN != 0, payload)
	return true


func _handle_payload(opcode: int, is_last: bool, payload: PackedByteArray) -> void:
	match opcode:
		_MarlWebsocketFrame._Opcode.TEXT, _MarlWebsocketFrame._Opcode.BINARY when (
			_fragments_opcode == _MarlWebsocketFrame._Opcode.CONTINUATION
		):
			if is_last:
				_deliver(opcode, payload)
			else:
				_fragments_opcode = opcode as _MarlWebsocketFrame._Opcode
				_fragments = payload
		_MarlWebsocketFrame._Opcode.CONTINUATION when (
			_fragments_opcode != _MarlWebsocketFrame._Opcode.CONTINUATION
		):
			_fragments.append_array(payload)
			if is_last:
				_deliver(_fragments_opcode, _fragments)
				_fragments_opcode = _MarlWebsocketFrame._Opcode.CONTINUATION
				_fragments = PackedByteArray()
		_MarlWebsocketFrame._Opcode.CLOSE:
			send(_MarlWebsocketFrame._Opcode.CLOSE, payload.slice(0, 2))
			_lose(payload.slice(2).get_string_from_utf8())
			_stream.close()
		_MarlWebsocketFrame._Opcode.PING:
			send(_MarlWebsocketFrame._Opcode.PONG, payload)
		_MarlWebsocketFrame._Opcode.PONG:
			pass
		_:
			_reject("a frame that is not allowed here")


func _deliver(opcode: int, payload: PackedByteArray) -> void:
	_messages.append(
		(
			(
				payload.get_string_from_utf8()
				if opcode == _MarlWebsocketFrame._Opcode.TEXT
				else payload
			)
			as Variant
		)
	)


func _reject(reason: String) -> void:
	close(1002, reason)
	close_reason = reason
