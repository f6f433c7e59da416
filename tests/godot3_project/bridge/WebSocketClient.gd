extends Node
# The socket to Python: polled in each frame, and the game ends with it.

signal heard(message)

var _socket = WebSocketClient.new()


func _ready():
	_socket.connect("connection_established", self, "_on_connection_established")
	_socket.connect("data_received", self, "_on_data_received")


func _process(_delta):
	if _socket.get_connection_status() == NetworkedMultiplayerPeer.CONNECTION_DISCONNECTED:
		print("no Python any more")
		get_tree().quit()
	else:
		_socket.poll()


func open(url):
	_socket.connect_to_url(url)


func say(answer):
	_socket.get_peer(1).put_packet(answer.to_utf8())


func close():
	_socket.disconnect_from_host()


func _on_connection_established(_protocol):
	_socket.get_peer(1).set_write_mode(WebSocketPeer.WRITE_MODE_TEXT)


func _on_data_received():
	var text = _socket.get_peer(1).get_packet().get_string_from_utf8()
	emit_signal("heard", JSON.parse(text).result)
