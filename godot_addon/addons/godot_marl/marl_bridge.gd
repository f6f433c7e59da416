@icon("icon.svg")
class_name MarlBridge
extends Node
## Connects the agents of a scene to Python.
##
## Add one to the scene. Every node below [member arena_root] with the methods apply_action,
## get_observation, get_reward, reset and is_done is an agent. An enabled bridge waits for Python
## before the first physics frame, and closes the game when nobody answers.

const _GROUP := "godot_marl_enabled_bridges"

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

var _session: MarlSession
var _logger: MarlLogger


func _enter_tree() -> void:
	# Before any _ready of the scene, so that errors there are seen.
	if enabled:
		add_to_group(_GROUP)
	if enabled and _logger == null:
		_logger = MarlLogger.new()
		OS.add_logger(_logger)


func _notification(what: int) -> void:
	# Not when it leaves the tree: it moves when the scene is copied.
	if what == NOTIFICATION_PREDELETE and _logger:
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
	var url := OS.get_environment("GODOT_MARL_URL") if started_by_python else address
	var link := MarlLink.new(url, OS.get_environment("GODOT_MARL_TOKEN"), connect_timeout)
	if link.open() != OK:
		_fail("the address %s is none: expected ws://HOST:PORT" % url)
		return
	_session = MarlSession.new(self, link, _logger)
	set_physics_process(true)


func _physics_process(_delta: float) -> void:
	_session.pass_frame()


## The node below which the agents are.
func find_arena_root() -> Node:
	if arena_root:
		return arena_root
	if owner:
		return owner
	return get_tree().current_scene if get_tree().current_scene else get_parent()


func _fail(reason: String) -> void:
	printerr("godot-marl: ", reason)
	get_tree().quit(1)
