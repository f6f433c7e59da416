extends RefCounted
## The conversation with Python, frame by frame: when the game waits, steps and replies.

## The state of the conversation.
enum _Phase { CONNECTING, GREETING, IDLE, STEPPING, SETTLING, ENDED }

const _MarlConnection := preload("res://addons/godot_marl/transport/marl_connection.gd")
const _MarlControlMessages := preload("res://addons/godot_marl/protocol/marl_control_messages.gd")
const _MarlMessageValidator := preload("res://addons/godot_marl/protocol/marl_message_validator.gd")
const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")
const _MarlRequestHandler := preload("res://addons/godot_marl/session/marl_request_handler.gd")
const _MarlScriptErrors := preload("res://addons/godot_marl/session/marl_script_errors.gd")
const _MarlSpinWait := preload("res://addons/godot_marl/session/marl_spin_wait.gd")
const _MarlTreePause := preload("res://addons/godot_marl/session/marl_tree_pause.gd")

# Loaded when they are needed: most games start without.
const _INPUT_FORWARDER := "res://addons/godot_marl/session/marl_input_forwarder.gd"
const _RENDERER := "res://addons/godot_marl/session/marl_renderer.gd"

# How long a game with a window waits for the next request before it lets a frame pass.
const _WINDOW_WAIT_USEC := 4000
# How many frames pass, with the tree paused, before a scene in a window begins: some nodes, such as
# labels, create what they show in deferred calls.
const _FIRST_FRAMES := 2
const _NAP_USEC := 500

var _host: Node
var _arena_root: Node
var _connection: _MarlConnection
var _script_errors: _MarlScriptErrors
var _handler := _MarlRequestHandler.new()
var _spin_wait := _MarlSpinWait.new()
var _tree_pause: _MarlTreePause
var _phase := _Phase.CONNECTING
var _blocking := false
var _has_human_agents := false
var _frames_to_show := 0
var _frames_left := 0
var _frames_passed := 0
var _frames_waited := 0
var _request := 0
var _reset_message := {}


## Begins the conversation over [param connection], which may still be connecting. The agents are
## below [param arena_root]; [param host] is the bridge's node.
func _init(
	host: Node,
	arena_root: Node,
	connection: _MarlConnection,
	script_errors: _MarlScriptErrors,
	step_length: int,
	settle_frames: int
) -> void:
	_host = host
	_arena_root = arena_root
	_connection = connection
	_script_errors = script_errors
	_tree_pause = _MarlTreePause.new(host.get_tree())
	_handler.step_length = step_length
	_handler.settle_frames = settle_frames
	# A window must react while the game waits; a game without one can block.
	_blocking = DisplayServer.get_name() == "headless"
	_frames_to_show = 0 if _blocking else _FIRST_FRAMES


## Call this first in each physics frame, before the _physics_process of all nodes.
func pass_frame() -> void:
	if _phase == _Phase.ENDED:
		return
	if _frames_to_show > 0:
		_frames_to_show -= 1
		_tree_pause.switch(true)
		return
	if _phase == _Phase.STEPPING or _phase == _Phase.SETTLING:
		if _frames_left > 0:
			_count_frame()
			return
		if _frames_waited < _handler.turn_frames and _handler.is_between_turns():
			_frames_waited += 1
			_frames_passed += 1
			return
		_answer()
	_spin_wait.begin()
	while not _advance():
		if not _blocking and _spin_wait.get_waited_usec() > _WINDOW_WAIT_USEC:
			_tree_pause.switch(true)
			return
		if not _spin_wait.should_spin():
			# A sleeping game leaves the processor to the trainer.
			if _blocking and _phase == _Phase.IDLE:
				_connection.wait()
			else:
				OS.delay_usec(_NAP_USEC)
	_spin_wait.end()
	if _phase == _Phase.STEPPING or _phase == _Phase.SETTLING:
		_count_frame()


func _count_frame() -> void:
	if _has_human_agents and _phase == _Phase.STEPPING and not _request_human_actions():
		return
	_tree_pause.switch(false)
	if _phase == _Phase.STEPPING and _report(_handler.begin_frame(_frames_left)):
		return
	_frames_left -= 1
	_frames_passed += 1
	if _phase == _Phase.STEPPING:
		_handler.apply_actions()


# False while a person has not decided: the step has not begun, and frames pass with the tree
# paused. The connection is polled, because Python may close it meanwhile.
func _request_human_actions() -> bool:
	if _report(_handler.request_human_actions()):
		return false
	if not _handler.awaits_human_action():
		return true
	_tree_pause.switch(true)
	_advance()
	return false


# True when the frame may go on: a step or a reset has begun, or the conversation has ended.
func _advance() -> bool:
	if _phase == _Phase.ENDED:
		return true
	match _connection.poll():
		_MarlConnection._State.CONNECTING:
			return false
		_MarlConnection._State.UNREACHABLE, _MarlConnection._State.LOST:
			var reason := _connection.describe_end()
			return _fail(reason) if reason else _end(0)
	if _phase == _Phase.CONNECTING:
		_greet()
	while _connection.has_message():
		_handle(_connection.receive())
		if _phase != _Phase.IDLE and _phase != _Phase.GREETING:
			return true
	return false


func _greet() -> void:
	_phase = _Phase.GREETING
	_send("hello", _MarlControlMessages.hello_of(_host.get_tree().current_scene))


func _handle(message: Variant) -> void:
	if message is PackedByteArray:
		_handle_step(message as PackedByteArray)
		return
	var control := _MarlControlMessages.read(message as String)
	var problem := _MarlMessageValidator.problem_of(control)
	match [problem, control.get("type"), _phase]:
		["", "configure", _Phase.GREETING]:
			_configure(control)
		["", "reset", _Phase.IDLE]:
			_handle_reset(control)
		["", "render", _Phase.IDLE]:
			var frames: Array[PackedByteArray] = []
			_request = int(control["request"] as float)
			var arena := _handler.find_arena(control)
			var problem_of_render: _MarlProblem = load(_RENDERER).call(
				"answer", arena, _handler.arenas, control, frames
			)
			_send_answer(problem_of_render, frames)
		["", "close", _]:
			_end(0)
		_:
			var type: String = control.get("type", "a message without type")
			_reject(problem if problem else "%s is not allowed here" % type)


func _configure(control: Dictionary) -> void:
	if int(control["protocol"] as float) != _MarlControlMessages.PROTOCOL:
		_reject("this addon uses version %d of the protocol" % _MarlControlMessages.PROTOCOL)
		return
	for member: String in ["action_spaces", "observation_spaces"]:
		control[member] = _MarlControlMessages.from_json(control.get(member, {}))
	_blocking = not control.get("real_time", true)
	if _report(_handler.configure(control, _host, _arena_root)):
		return
	_phase = _Phase.IDLE
	_has_human_agents = _handler.has_human_agents()
	if _has_human_agents:
		var forwarder: Node = (load(_INPUT_FORWARDER) as GDScript).new(_handler.arenas)
		_host.add_child(forwarder, false, Node.INTERNAL_MODE_BACK)
	_connection.limit(_handler.longest_message)
	_send("scene", _handler.describe_scene())


func _handle_reset(control: Dictionary) -> void:
	_request = int(control["request"] as float)
	_reset_message = control
	if _report(_handler.reset(control)):
		return
	_phase = _Phase.SETTLING
	_frames_left = _handler.settle_frames
	if _frames_left == 0 and _handler.is_between_turns():
		_frames_left = 1
	if _frames_left == 0:
		_answer()


func _handle_step(message: PackedByteArray) -> void:
	var problem := (
		_handler.begin_step(message)
		if _phase == _Phase.IDLE
		else "a step request is not allowed now"
	)
	if problem:
		_reject(problem)
		return
	_request = message.decode_u32(4)
	_phase = _Phase.STEPPING
	_frames_left = _handler.step_length


func _answer() -> void:
	var replies: Array[PackedByteArray] = []
	var problem: _MarlProblem
	if _phase == _Phase.SETTLING:
		problem = _handler.answer_reset(_reset_message, _frames_passed, replies)
	else:
		problem = _handler.answer_step(_request, _frames_passed, replies)
	_phase = _Phase.IDLE
	_frames_passed = 0
	_frames_waited = 0
	_send_answer(problem, replies)


func _send_answer(problem: _MarlProblem, replies: Array[PackedByteArray]) -> void:
	if _report(problem):
		return
	for reply in replies:
		var error := _connection.send_bytes(reply)
		if error != OK:
			_fail("a reply of %d bytes could not be sent (error %d)" % [reply.size(), error])


# Sends the script errors or the problem. True if there is either.
func _report(problem: _MarlProblem) -> bool:
	var script_errors := _script_errors.consume()
	if problem == null and script_errors.is_empty():
		return false
	_phase = _Phase.IDLE
	_send("error", _MarlProblem.members_of(problem, script_errors, _request))
	return true


func _send(type: String, members: Dictionary) -> void:
	_connection.send_text(_MarlControlMessages.write(type, members))


func _reject(reason: String) -> void:
	printerr("godot-marl: Python sent a message that the protocol does not allow: ", reason)
	_connection.close(_MarlControlMessages.CLOSE_PROTOCOL, reason)
	_end(1)


func _fail(reason: String) -> bool:
	printerr("godot-marl: ", reason)
	return _end(1)


func _end(status: int) -> bool:
	_phase = _Phase.ENDED
	_host.get_tree().quit(status)
	return true
