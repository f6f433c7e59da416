class_name MarlStream
extends RefCounted
## The bytes between the game and Python: TCP, and TLS over it where the address wants that.

## How the stream is.
enum State { OPENING, OPEN, LOST }

# Nothing sleeps until TLS has something to read, so the game looks again and again: soon at first.
const _SHORTEST_NAP_USEC := 20
const _LONGEST_NAP_USEC := 1000

## Why there is no encrypted connection; empty while nothing is wrong.
var problem := ""
## True if another attempt would end the same way.
var is_hopeless := false

var _tcp := StreamPeerTCP.new()
var _tls: StreamPeerTLS
var _options: TLSOptions
var _host := ""


## Begins to connect to [param address], an IP address. With [param options], TLS follows, and the
## other side must have a certificate for [param host].
func open(address: String, port: int, host: String, options: TLSOptions) -> Error:
	_host = host
	_options = options
	return _tcp.connect_to_host(address, port)


## How opening the stream gets on; call it until it is open or lost.
func poll_opening() -> State:
	_tcp.poll()
	match _tcp.get_status():
		StreamPeerTCP.STATUS_CONNECTING:
			return State.OPENING
		StreamPeerTCP.STATUS_CONNECTED:
			_tcp.set_no_delay(true)
			return State.OPEN if _options == null else _poll_handshake()
	if _tls:
		# The other side has hung up in the middle of the handshake.
		_tell_of_handshake()
	return State.LOST


## What has arrived, without waiting: an error and the bytes, as get_data answers them.
func take_arrived() -> Array:
	if _tls:
		return _take_decrypted()
	var size := _tcp.get_available_bytes()
	return _tcp.get_data(size) if size > 0 else [OK, PackedByteArray()]


## Sleeps until something arrives or the stream is lost; then it is as [method take_arrived].
func wait() -> Array:
	if _tls == null:
		return _tcp.get_data(1)
	var nap := _SHORTEST_NAP_USEC
	var answer := _take_decrypted()
	while answer[0] == OK and (answer[1] as PackedByteArray).is_empty():
		OS.delay_usec(nap)
		nap = mini(2 * nap, _LONGEST_NAP_USEC)
		answer = _take_decrypted()
	return answer


## Sends all of these bytes.
func put(bytes: PackedByteArray) -> Error:
	return _tls.put_data(bytes) if _tls else _tcp.put_data(bytes)


## True once the other side has gone; [method take_arrived] need not see that.
func is_lost() -> bool:
	if _tls:
		_tls.poll()
		return _tls.get_status() != StreamPeerTLS.STATUS_CONNECTED
	_tcp.poll()
	return _tcp.get_status() != StreamPeerTCP.STATUS_CONNECTED


## Lets go of the other side.
func close() -> void:
	if _tls:
		_tls.disconnect_from_stream()
	_tcp.disconnect_from_host()


func _poll_handshake() -> State:
	if _tls == null:
		_tls = StreamPeerTLS.new()
		_tls.connect_to_stream(_tcp, _host, _options)
	else:
		_tls.poll()
	match _tls.get_status():
		StreamPeerTLS.STATUS_HANDSHAKING:
			return State.OPENING
		StreamPeerTLS.STATUS_CONNECTED:
			return State.OPEN
	_tell_of_handshake()
	# Where it was this side that did not want to go on, the connection is still there.
	_tcp.poll()
	is_hopeless = _tcp.get_status() == StreamPeerTCP.STATUS_CONNECTED
	return State.LOST


# Godot's status does not tell one reason from another; Python's side does.
func _tell_of_handshake() -> void:
	problem = (
		"no encrypted connection came about: the certificate there is not trusted here, has expired,"
		+ (" or is for another host than %s, or nobody speaks TLS there" % _host)
	)


func _take_decrypted() -> Array:
	var bytes := PackedByteArray()
	_tls.poll()
	while _tls.get_status() == StreamPeerTLS.STATUS_CONNECTED:
		# Of one record of TLS, which has 16 KiB at most.
		var size := _tls.get_available_bytes()
		if size == 0:
			return [OK, bytes]
		var answer := _tls.get_data(size)
		if answer[0] != OK:
			return answer
		bytes.append_array(answer[1] as PackedByteArray)
		_tls.poll()
	return [OK if bytes else ERR_CONNECTION_ERROR, bytes]
