extends RefCounted
## The byte stream between the game and Python: TCP, with TLS over it at a wss address.

## The state of the stream.
enum _State { OPENING, OPEN, LOST }

# TLS cannot block until something arrives, so the game polls it, with longer and longer naps.
const _SHORTEST_NAP_USEC := 20
const _LONGEST_NAP_USEC := 1000

## Why the TLS handshake failed; empty if it did not.
var problem := ""
## True if another attempt would fail in the same way.
var is_hopeless := false

var _tcp := StreamPeerTCP.new()
var _tls: StreamPeerTLS
var _options: TLSOptions
var _host := ""


## Begins to connect to [param address], an IP address. With [param options], TLS follows, and the
## server needs a certificate for [param host].
func open(address: String, port: int, host: String, options: TLSOptions) -> Error:
	_host = host
	_options = options
	return _tcp.connect_to_host(address, port)


## Continues to open the stream; call it until the stream is open or lost.
func poll_opening() -> _State:
	_tcp.poll()
	match _tcp.get_status():
		StreamPeerTCP.STATUS_CONNECTING:
			return _State.OPENING
		StreamPeerTCP.STATUS_CONNECTED:
			_tcp.set_no_delay(true)
			return _State.OPEN if _options == null else _poll_handshake()
	if _tls:
		# The server closed the connection during the handshake.
		_report_failed_handshake()
	return _State.LOST


## Reads what has arrived, without waiting: an error and the bytes, as from get_data().
func take_arrived() -> Array:
	if _tls:
		return _read_decrypted()
	var size := _tcp.get_available_bytes()
	return _tcp.get_data(size) if size > 0 else [OK, PackedByteArray()]


## Blocks until something arrives or the stream is lost; returns the same as [method take_arrived].
func wait() -> Array:
	if _tls == null:
		return _tcp.get_data(1)
	var nap := _SHORTEST_NAP_USEC
	var answer := _read_decrypted()
	while answer[0] == OK and (answer[1] as PackedByteArray).is_empty():
		OS.delay_usec(nap)
		nap = mini(2 * nap, _LONGEST_NAP_USEC)
		answer = _read_decrypted()
	return answer


## Sends all of these bytes.
func put(bytes: PackedByteArray) -> Error:
	return _tls.put_data(bytes) if _tls else _tcp.put_data(bytes)


## True once the server is gone, which [method take_arrived] may not notice.
func is_lost() -> bool:
	if _tls:
		_tls.poll()
		return _tls.get_status() != StreamPeerTLS.STATUS_CONNECTED
	_tcp.poll()
	return _tcp.get_status() != StreamPeerTCP.STATUS_CONNECTED


## Closes the stream.
func close() -> void:
	if _tls:
		_tls.disconnect_from_stream()
	_tcp.disconnect_from_host()


func _poll_handshake() -> _State:
	if _tls == null:
		_tls = StreamPeerTLS.new()
		_tls.connect_to_stream(_tcp, _host, _options)
	else:
		_tls.poll()
	match _tls.get_status():
		StreamPeerTLS.STATUS_HANDSHAKING:
			return _State.OPENING
		StreamPeerTLS.STATUS_CONNECTED:
			return _State.OPEN
	_report_failed_handshake()
	# If this side ended the handshake, the TCP connection still exists.
	_tcp.poll()
	is_hopeless = _tcp.get_status() == StreamPeerTCP.STATUS_CONNECTED
	return _State.LOST


# Godot's status does not distinguish the reasons; Python's log does.
func _report_failed_handshake() -> void:
	problem = (
		"the TLS handshake failed: the certificate there is not trusted here, has expired or is"
		+ (" for another host than %s, or the server there does not use TLS" % _host)
	)


func _read_decrypted() -> Array:
	var bytes := PackedByteArray()
	_tls.poll()
	while _tls.get_status() == StreamPeerTLS.STATUS_CONNECTED:
		# The bytes of one TLS record, at most 16 KiB.
		var size := _tls.get_available_bytes()
		if size == 0:
			return [OK, bytes]
		var answer := _tls.get_data(size)
		if answer[0] != OK:
			return answer
		bytes.append_array(answer[1] as PackedByteArray)
		_tls.poll()
	return [OK if bytes else ERR_CONNECTION_ERROR, bytes]
