class_name MarlLink
extends RefCounted
## The connection to Python: made, and made again while nobody answers.

## How the connection is.
enum State { CONNECTING, OPEN, LOST, UNREACHABLE }

const _RETRY_USEC := 200_000
# How often to look whether Python has gone.
const _LOOK_USEC := 50_000

## The address that is connected to.
var url := ""

var _socket: MarlSocket
var _headers: PackedStringArray = ["Sec-WebSocket-Protocol: " + MarlControl.SUBPROTOCOL]
var _options: TLSOptions
var _doubt := ""
var _deadline := 0
var _last_attempt := 0
var _last_look := 0


## For [param address], with a [param token] unless it is empty. [param certificate] is the one that
## signs that of a wss address; without one, those that the system trusts do.
func _init(
	address: String, token: String, timeout: float, certificate: X509Certificate = null
) -> void:
	url = address
	_options = TLSOptions.client(certificate)
	_deadline = Time.get_ticks_usec() + int(timeout * 1e6)
	if token:
		_headers.append("Authorization: Bearer " + token)


## Begins to connect. Answers why the address cannot be used, or an empty text.
func open() -> String:
	_last_attempt = Time.get_ticks_usec()
	_socket = MarlSocket.new()
	return _socket.open(url, _headers, _options)


## From now on no message may have more than [param size] bytes.
func limit(size: int) -> void:
	_socket.longest_message = size


## Takes in what has arrived, and answers how the connection is; call it before everything else.
## While nobody answers, it tries again.
func poll() -> State:
	_socket.poll()
	var now := Time.get_ticks_usec()
	if _socket.state == MarlSocket.State.OPEN:
		if now - _last_look < _LOOK_USEC or _socket.has_message():
			return State.OPEN
		_last_look = now
		return State.LOST if _socket.is_lost() else State.OPEN
	if _socket.close_reason:
		return State.LOST
	if _socket.state == MarlSocket.State.CLOSED:
		if _socket.was_open:
			return State.LOST
		if _socket.doubt:
			_doubt = _socket.doubt
		if now - _last_attempt > _RETRY_USEC:
			open()
	return State.UNREACHABLE if now > _deadline else State.CONNECTING


## Sleeps until Python sends something, or is gone; only while the connection is open.
func wait() -> void:
	_socket.wait()


## What is wrong with somebody who answers, though not as Python would; or an empty text.
func get_doubt() -> String:
	return _doubt


## Why the connection is lost; an empty text if Python closed it and gave no reason.
func describe_end() -> String:
	var reason := _socket.close_reason
	if _socket.doubt:
		return "at %s %s" % [url, reason]
	return "Python closed the connection: %s" % reason if reason else ""


## True if a message has arrived.
func has_message() -> bool:
	return _socket.has_message()


## The next message: a String for a text, a PackedByteArray for a binary one.
func receive() -> Variant:
	return _socket.take_message()


## Sends a control message.
func send_text(text: String) -> Error:
	return _socket.send(MarlFrame.Opcode.TEXT, text.to_utf8_buffer())


## Sends a binary message.
func send_bytes(bytes: PackedByteArray) -> Error:
	return _socket.send(MarlFrame.Opcode.BINARY, bytes)


## Closes, with the reason in at most 123 bytes.
func close(code: int, reason: String) -> void:
	_socket.close(code, reason.left(120))
