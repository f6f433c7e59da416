class_name MarlSession
extends RefCounted
## The conversation with Python, frame by frame: when the game waits, steps, and answers.

## Where in the conversation it is.
enum Phase { CONNECTING, GREETING, IDLE, STEPPING, SETTLING, ENDED }

const _UNREACHABLE := (
	"no Python server answered at %s within %s seconds. Start Python first, or switch the "
	+ "bridge's property enabled off to play the scene without Python."
)
# How long a window waits for Python's next request before it lets a frame pass without a step.
const _WINDOW_PATIENCE_USEC := 4000
# How many frames pass, with the tree paused, before a scene with a picture begins: some nodes make
# what they show, such as text, in calls that they defer.
const _FIRST_FRAMES := 2
const _NAP_USEC := 500

var _bridge: MarlBridge
var _link: MarlLink
var _logger: MarlLogger
var _requests := MarlRequests.new()
var _patience := MarlPatience.new()
var _pause: MarlPause
var _phase := Phase.CONNECTING
var _blocking := false
var _has_people := false
var _frames_to_show := 0
var _frames_left := 0
var _frames_passed := 0
var _frames_waited := 0
var _request := 0
var _reset_message := {}


## Talks over [param link], which is connecting, for [param bridge].
func _init(bridge: MarlBridge, link: MarlLink, logger: MarlLogger) -> void:
	_bridge = bridge
	_link = link
	_logger = logger
	_pause = MarlPause.new(bridge.get_tree())
	_requests.step_length = bridge.step_length
	# A window stays alive while it waits; without one nothing happens until Python answers.
	_blocking = DisplayServer.get_name() == "headless"
	_frames_to_show = 0 if _blocking else _FIRST_FRAMES


## Call it first in every physics frame, before the _physics_process of all nodes.
func pass_frame() -> void:
	if _phase == Phase.ENDED:
		return
	if _frames_to_show > 0:
		_frames_to_show -= 1
		_pause.switch(true)
		return
	if _phase == Phase.STEPPING or _phase == Phase.SETTLING:
		if _frames_left > 0:
			_count_frame()
			return
		if _frames_waited < _requests.turn_frames and _requests.is_between_turns():
			_frames_waited += 1
			_frames_passed += 1
			return
		_answer()
	_patience.begin()
	while not _advance():
		if not _blocking and _patience.get_waited_usec() > _WINDOW_PATIENCE_USEC:
			_pause.switch(true)
			return
		if not _patience.is_awake():
			# A headless game sleeps until Python wants something: it takes nothing from a trainer.
			if _blocking and _phase == Phase.IDLE:
				_link.wait()
			else:
				OS.delay_usec(_NAP_USEC)
	_patience.end()
	if _phase == Phase.STEPPING or _phase == Phase.SETTLING:
		_count_frame()


func _count_frame() -> void:
	if _has_people and _phase == Phase.STEPPING and not _ask_people():
		return
	_pause.switch(false)
	if _phase == Phase.STEPPING and _report(_requests.begin_frame(_frames_left)):
		return
	_frames_left -= 1
	_frames_passed += 1
	if _phase == Phase.STEPPING:
		_requests.apply_actions()


# False while a person thinks: nothing of the step has happened yet, and frames pass with the tree
# paused. Python may be gone meanwhile.
func _ask_people() -> bool:
	if _report(_requests.ask_people()):
		return false
	if not _requests.is_undecided():
		return true
	_pause.switch(true)
	_advance()
	return false


# True when the frame may go on: a step or the frames after a reset have begun, or all is over.
func _advance() -> bool:
	if _phase == Phase.ENDED:
		return true
	match _link.poll():
		MarlLink.State.CONNECTING:
			return false
		MarlLink.State.UNREACHABLE:
			var problem := _UNREACHABLE % [_link.url, _bridge.connect_timeout]
			var doubt := _link.get_doubt()
			return _fail("%s At the last attempt, %s." % [problem, doubt] if doubt else problem)
		MarlLink.State.LOST:
			var reason := _link.describe_end()
			return _fail(reason) if reason else _end(0)
	if _phase == Phase.CONNECTING:
		_greet()
	while _link.has_message():
		_take(_link.receive())
		if _phase != Phase.IDLE and _phase != Phase.GREETING:
			return true
	return false


func _greet() -> void:
	_phase = Phase.GREETING
	_send("hello", MarlControl.hello_of(_bridge.get_tree().current_scene))


func _take(message: Variant) -> void:
	if message is PackedByteArray:
		_take_step(message as PackedByteArray)
		return
	var control := MarlControl.read(message as String)
	var problem := MarlMessages.problem_of(control)
	match [problem, control.get("type"), _phase]:
		["", "configure", Phase.GREETING]:
			_configure(control)
		["", "reset", Phase.IDLE]:
			_take_reset(control)
		["", "render", Phase.IDLE]:
			var frames: Array[PackedByteArray] = []
			_request = int(control["request"] as float)
			var arena := _requests.arena_of(control)
			_send_answer(MarlPicture.answer(arena, _requests.arenas, control, frames), frames)
		["", "close", _]:
			_end(0)
		_:
			var type: String = control.get("type", "a text without type")
			_refuse(problem if problem else "%s does not belong here" % type)


func _configure(control: Dictionary) -> void:
	if int(control["protocol"] as float) != MarlControl.PROTOCOL:
		_refuse("this addon speaks protocol %d" % MarlControl.PROTOCOL)
		return
	for member: String in ["action_spaces", "observation_spaces"]:
		control[member] = MarlControl.from_json(control.get(member, {}))
	_blocking = not control.get("real_time", true)
	if _report(_requests.configure(control, _bridge)):
		return
	_phase = Phase.IDLE
	_has_people = _requests.has_people()
	if _has_people:
		_bridge.add_child(MarlKeys.new(_requests.arenas), false, Node.INTERNAL_MODE_BACK)
	_link.limit(_requests.longest_message)
	_send("scene", _requests.describe_scene())


func _take_reset(control: Dictionary) -> void:
	_request = int(control["request"] as float)
	_reset_message = control
	if _report(_requests.reset(control)):
		return
	_phase = Phase.SETTLING
	_frames_left = _bridge.settle_frames
	if _frames_left == 0 and _requests.is_between_turns():
		_frames_left = 1
	if _frames_left == 0:
		_answer()


func _take_step(message: PackedByteArray) -> void:
	var problem := _requests.begin_step(message) if _phase == Phase.IDLE else "no step now"
	if problem:
		_refuse(problem)
		return
	_request = message.decode_u32(4)
	_phase = Phase.STEPPING
	_frames_left = _requests.step_length


func _answer() -> void:
	var replies: Array[PackedByteArray] = []
	var problem: MarlProblem
	if _phase == Phase.SETTLING:
		problem = _requests.answer_reset(_reset_message, _frames_passed, replies)
	else:
		problem = _requests.answer_step(_request, _frames_passed, replies)
	_phase = Phase.IDLE
	_frames_passed = 0
	_frames_waited = 0
	_send_answer(problem, replies)


func _send_answer(problem: MarlProblem, replies: Array[PackedByteArray]) -> void:
	if _report(problem):
		return
	for reply in replies:
		var error := _link.send_bytes(reply)
		if error != OK:
			_fail("a reply of %d bytes could not be sent (error %d)" % [reply.size(), error])


# Sends the script errors, or else the problem. True if there was either.
func _report(problem: MarlProblem) -> bool:
	var script_errors := _logger.take()
	if problem == null and script_errors.is_empty():
		return false
	_phase = Phase.IDLE
	_send("error", MarlProblem.members_of(problem, script_errors, _request))
	return true


func _send(type: String, members: Dictionary) -> void:
	_link.send_text(MarlControl.write(type, members))


func _refuse(reason: String) -> void:
	printerr("godot-marl: Python sent a message that the protocol does not allow: ", reason)
	_link.close(MarlControl.CLOSE_PROTOCOL, reason)
	_end(1)


func _fail(reason: String) -> bool:
	printerr("godot-marl: ", reason)
	return _end(1)


func _end(status: int) -> bool:
	_phase = Phase.ENDED
	_bridge.get_tree().quit(status)
	return true
