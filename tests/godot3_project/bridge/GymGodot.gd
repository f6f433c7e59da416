extends Node
# Speaks with Python as GymGodot's node does: the tree is paused between two steps.

export(bool) var enabled = true
export(int) var stepLength = 1
export(NodePath) var environmentNode
export(bool) var debugPrint = false

var _action = []
var _frames_left = 0
var _is_stepping = false
var _picture = 0
var _folder = "./render_frames/"

onready var _environment = get_node(environmentNode)


func _ready():
	if not enabled:
		$WebSocketClient.queue_free()
		set_physics_process(false)
		return
	pause_mode = PAUSE_MODE_PROCESS
	get_tree().paused = true
	var host = "127.0.0.1"
	var port = "8000"
	for argument in OS.get_cmdline_args():
		if argument.begins_with("--serverIP="):
			host = argument.split("=")[1]
		elif argument.begins_with("--serverPort="):
			port = argument.split("=")[1]
		elif argument.begins_with("--renderPath="):
			_folder = argument.split("=")[1]
	if debugPrint:
		print(OS.get_cmdline_args())
	$WebSocketClient.connect("heard", self, "_on_heard")
	$WebSocketClient.open("ws://%s:%s" % [host, port])


func _physics_process(_delta):
	if not _is_stepping:
		return
	if _frames_left > 0:
		_frames_left -= 1
		_environment.apply_action(_action)
		return
	_is_stepping = false
	get_tree().paused = true
	# With their types, so that an agent that answers others is reported in the log alone.
	var observation: Array = _environment.get_observation()
	var reward: float = _environment.get_reward()
	var done: bool = _environment.is_done()
	_say({"observation": observation, "reward": reward, "done": done})


func _on_heard(message):
	match message["cmd"]:
		"reset":
			_environment.reset()
			_picture = 0
			_say({"init_observation": _environment.get_observation()})
		"step":
			_action = message["action"]
			_frames_left = stepLength
			_is_stepping = true
			get_tree().paused = false
		"render":
			VisualServer.force_draw()
			var image = get_viewport().get_texture().get_data()
			image.flip_y()
			var code = image.save_png("%s%d.png" % [_folder, _picture])
			_picture += 1
			_say({"render_error": str(code)})
		"close":
			$WebSocketClient.close()
			get_tree().quit()


func _say(answer):
	$WebSocketClient.say(JSON.print(answer))
