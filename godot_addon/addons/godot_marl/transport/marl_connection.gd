extends RefCounted
## The connection to Python, with further attempts until Python answers.

## The state of the connection.
enum _State { CONNECTING, OPEN, LOST, UNREACHABLE }

const _MarlControlMessages := preload("res://addons/godot_marl/protocol/marl_control_messages.gd")
const _MarlWebsocket := preload("res://addons/godot_marl/transport/marl_websocket.gd")
const _MarlWebsocketFrame := preload("res://addons/godot_marl/transport/marl_websocket_frame.gd")

const _UNREACHABLE := (
	"no Python server answered at %s within %s seconds. Start Python first, or switch the "
	+ "bridge's property enabled off to play the scene without Python."
)
const _RETRY_USEC := 200_000
# How often to check that Python is still there.
const _LIVENESS_USEC := 50_000

## Python's address.
var url := ""

var _websocket: _MarlWebsocket
var _headers: PackedStringArray = ["Sec-WebSocket-Protocol: " + _MarlControlMessages.SUBPROTOCOL]
var _tls_options: TLSOptions
var _last_failure := ""
var _timeout := 0.0
var _deadline := 0
var _last_attempt := 0
var _last_liveness_check := 0


## For [param address], with a [param token] unless it is empty. [param certificate] must have
## signed the server's at a wss address; without one, the certificates that the system trusts count.
func _init(
	address: String, token: String, timeout: float, certificate: X509Certificate = null
) -> void:
	url = address
	_tls_options = TLSOptions.client(certificate)
	_timeout = timeout
	_deadline = Time.get_ticks_usec() + int(timeout * 1e6)
	if token:
		_headers.append("Authorization: Bearer " + token)


## Begins to connect. Returns why the address cannot be used, or an empty text.
func open() -> String:
	_last_attempt = Time.get_ticks_usec()
	_websocket = _MarlWebsocket.new()
	return _websocket.open(url, _headers, _tls_options)


## Limits the messages of Python to [param size] bytes from now on.
func limit(size: int) -> void:
	_websocket.longest_message = size


## Reads what has arrived and returns the state; call it before the other methods. Until Python
## answers, it connects again and again.
func poll() -> _State:
	_websocket.poll()
	var now := Time.get_ticks_usec()
	if _websocket.state == _MarlWebsocket._State.OPEN:
		if now - _last_liveness_check < _LIVENESS_USEC or _websocket.has_message():
			return _State.OPEN
		_last_liveness_check = now
		return _State.LOST if _websocket.is_lost() else _State.OPEN
	if _websocket.close_reason:
		return _State.LOST
	if _websocket.state == _MarlWebsocket._State.CLOSED:
		if _websocket.was_open:
			return _State.LOST
		if _websocket.tls_failure:
			_last_failure = _websocket.tls_failure
		if now - _last_attempt > _RETRY_USEC:
			open()
	return _State.UNREACHABLE if now > _deadline else _State.CONNECTING


## Blocks until Python sends something or is gone; only while the connection is open.
func wait() -> void:
	_websocket.wait()


## Why the connection is lost or Python cannot be reached; empty if Python closed it without a
## reason.
func describe_end() -> String:
	var reason := _websocket.close_reason
	if reason and _websocket.tls_failure:
		return "at %s %s" % [url, reason]
	if reason:
		return "Python closed the connection: %s" % reason
	if _websocket.was_open:
		return ""
	var text := _UNREACHABLE % [url, _timeout]
	return "%s At the last attempt, %s." % [text, _last_failure] if _last_failure else text


## True if a message has arrived.
func has_message() -> bool:
	return _websocket.has_message()


## The next message: a String for a text, a PackedByteArray for a binary one.
func receive() -> Variant:
	return _websocket.receive()


## Sends a control message.
func send_text(text: String) -> Error:
	return _websocket.send(_MarlWebsocketFrame._Opcode.TEXT, text.to_utf8_buffer())


## Sends a binary message.
func send_bytes(bytes: PackedByteArray) -> Error:
	return _websocket.send(_MarlWebsocketFrame._Opcode.BINARY, bytes)


## Closes the connection; the first 120 characters of the reason are sent.
func close(code: int, reason: String) -> void:
	_websocket.close(code, reason.left(120))
