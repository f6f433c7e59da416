@icon("icon.svg")
class_name MarlBridge
extends Node
## Connects the agents of a scene to Python.
##
## Add one to the scene. Every node below [member arena_root] with the methods apply_action,
## get_observation, get_reward, reset and is_done is an agent. An enabled bridge waits for Python
## before the first physics frame, and closes the game when nobody answers.

## The bridge's place in a frame.
enum Phase { CONNECTING, GREETING, IDLE, STEPPING, SETTLING, ENDED }

const _GROUP := "godot_marl_enabled_bridges"
const _UNREACHABLE := (
	"no Python server answered at %s within %s seconds. Start Python first, or switch the "
	+ "bridge's property enabled off to play the scene without Python."
)
# How long a window waits for Python's next request before it lets a frame pass without a step.
const _WINDOW_PATIENCE_USEC := 4000
const _SPIN_USEC := 500
const _LONGEST_NAP_USEC := 1000

## Off: the scene plays as a normal game.
@export var enabled := true
## How many physics frames one step lasts. The action is applied in each of them.
@export_range(1, 1000, 1, "or_greater") var step_length := 1
## The node below which the agents are; empty: the root of the scene that holds this bridge.
@export var arena_root: Node
## How many physics frames pass between a reset and the first observation, for scenes with sensors
## (ray casts, areas), which see the old places until physics has run.
@export_range(0, 100, 1, "or_greater") var settle_frames := 0
## Where Python listens, when the game was not started by Python.
@export var address := "ws://127.0.0.1:8000"
## How many seconds to wait for Python before the game closes.
@export_range(1.0, 600.0, 1.0, "or_greater", "suffix:s") var connect_timeout := 10.0

var _phase := Phase.CONNECTING
var _link: MarlLink
var _logger: MarlLogger
var _requests := MarlRequests.new()
var _blocking := false
var _has_paused := false
var _frames_left := 0
var _frames_passed := 0
var _request := 0
var _reset_message := {}


func _enter_tree() -> void:
	# Before any _ready of the scene, so that errors there are seen.
	if enabled:
		add_to_group(_GROUP)
	if enabled and _logger == null:
		_logger = MarlLogger.new()
		OS.add_logger(_logger)


func _exit_tree() -> void:
	if _logger:
		OS.remove_logger(_logger)
		_logger = null


func _ready() -> void:
	set_physics_process(false)
	var started_by_python := OS.has_environment("GODOT_MARL_URL")
	var bridges := get_tree().get_nodes_in_group(_GROUP)
	if not enabled:
		if started_by_python and bridges.is_empty():
			_fail("the bridge %s is not enabled" % get_path())
		return
	if bridges.size() > 1:
		var paths := ", ".join(bridges.map(func(bridge: Node) -> String: return bridge.get_path()))
		_fail("only one bridge may be enabled, not %d: %s" % [bridges.size(), paths])
		return
	if step_length < 1:
		_fail("step_length of %s must be at least 1, not %d" % [get_path(), step_length])
		return
	process_mode = Node.PROCESS_MODE_ALWAYS
	process_physics_priority = -1000
	_requests.step_length = step_length
	var url := OS.get_environment("GODOT_MARL_URL") if started_by_python else address
	_link = MarlLink.new(url, OS.get_environment("GODOT_MARL_TOKEN"), connect_timeout)
	if _link.open() != OK:
		_fail("the address %s is none: expected ws://HOST:PORT" % url)
		return
	# A window stays alive while it waits; without one nothing happens until Python answers.
	_blocking = DisplayServer.get_name() == "headless"
	set_physics_process(true)


func _physics_process(_delta: float) -> void:
	if _phase == Phase.STEPPING or _phase == Phase.SETTLING:
		if _frames_left > 0:
			_pass_frame()
			return
		_answer()
	var begin := Time.get_ticks_usec()
	while not _advance():
		var waited := Time.get_ticks_usec() - begin
		if not _blocking and waited > _WINDOW_PATIENCE_USEC:
			_set_paused(true)
			return
		if waited > _SPIN_USEC:
			OS.delay_usec(clampi(waited >> 4, 50, _LONGEST_NAP_USEC))
	if _phase == Phase.STEPPING or _phase == Phase.SETTLING:
		_set_paused(false)
		_pass_frame()


# The tree's pause belongs to the scene, save where a window waits for Python.
func _set_paused(paused: bool) -> void:
	if paused != _has_paused:
		_has_paused = paused
		get_tree().paused = paused


func _pass_frame() -> void:
	_frames_left -= 1
	_frames_passed += 1
	if _phase == Phase.STEPPING:
		_requests.apply_actions()


# True when the frame may go on: a step or the frames after a reset have begun, or all is over.
func _advance() -> bool:
	if _phase == Phase.ENDED:
		return true
	match _link.poll():
		MarlLink.State.CONNECTING:
			return false
		MarlLink.State.UNREACHABLE:
			return _fail(_UNREACHABLE % [_link.url, connect_timeout])
		MarlLink.State.LOST:
			var reason := _link.get_close_reason()
			return _fail("Python closed the connection: %s" % reason) if reason else _end(0)
	if _phase == Phase.CONNECTING:
		_greet()
	while _link.has_message():
		_take(_link.receive())
		if _phase != Phase.IDLE and _phase != Phase.GREETING:
			return true
	return false


func _greet() -> void:
	_phase = Phase.GREETING
	_send("hello", MarlControl.hello_of(get_tree().current_scene))


func _take(message: Variant) -> void:
	if message is PackedByteArray:
		_take_step(message as PackedByteArray)
		return
	var control := MarlControl.read(message as String)
	match [control.get("type"), _phase]:
		["configure", Phase.GREETING]:
			_configure(control)
		["reset", Phase.IDLE]:
			_take_reset(control)
		["render", Phase.IDLE]:
			var frames: Array[PackedByteArray] = []
			_request = int(control.get("request", 0) as float)
			_send_answer(_requests.answer_render(control, frames), frames)
		["close", _]:
			_end(0)
		_:
			_refuse("%s does not belong here" % control.get("type", "a text without type"))


func _configure(control: Dictionary) -> void:
	if int(control.get("protocol", 0) as float) != MarlControl.PROTOCOL:
		_refuse("this addon speaks protocol %d" % MarlControl.PROTOCOL)
		return
	for member: String in ["action_spaces", "observation_spaces"]:
		control[member] = MarlControl.from_json(control.get(member, {}))
	_blocking = not control.get("real_time", true)
	_requests.arenas = [MarlArena.new(_find_arena_root())]
	var problem := _requests.configure(control)
	if _report(problem):
		return
	_phase = Phase.IDLE
	_send("scene", _requests.describe_scene())


func _find_arena_root() -> Node:
	if arena_root:
		return arena_root
	if owner:
		return owner
	return get_tree().current_scene if get_tree().current_scene else get_parent()


func _take_reset(control: Dictionary) -> void:
	_request = int(control.get("request", 0) as float)
	_reset_message = control
	if _report(_requests.reset(control)):
		return
	_phase = Phase.SETTLING
	_frames_left = settle_frames
	if settle_frames == 0:
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
	var members := {}
	if problem:
		members = problem.to_dictionary()
	if script_errors:
		members = MarlProblem.of_script_errors(script_errors).to_dictionary()
	members["request"] = _request
	members["script_errors"] = script_errors
	_phase = Phase.IDLE
	_send("error", members)
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
	set_physics_process(false)
	get_tree().quit(status)
	return true
