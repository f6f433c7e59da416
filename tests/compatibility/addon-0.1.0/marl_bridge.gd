@tool
@icon("icon.svg")
class_name MarlBridge
extends Node
## Connects the agents of a scene to Python.
##
## Add one to the scene. Every node below [member arena_root] with the methods apply_action,
## get_observation, get_reward, reset and is_done is an agent. An enabled bridge waits for Python
## before the first physics frame, and closes the game when nobody answers.
## [br][br]
## In the editor it talks to nobody: it only shows what [MarlChecks] finds wrong.

const _GROUP := "godot_marl_enabled_bridges"
# How long an edit may take to show, at least: no signal tells that a script was saved with other
# methods, so the bridge looks again and again. In a large scene it looks less often, so that this
# takes no more than this share of the editor's time.
const _SECONDS_BETWEEN_CHECKS := 0.5
const _SHARE_OF_TIME := 0.01

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
## The certificate that signs Python's, where [member address] begins with wss://. None: those that
## the system trusts.
@export var certificate: X509Certificate
## How many seconds to wait for Python before the game closes.
@export_range(1.0, 600.0, 1.0, "or_greater", "suffix:s") var connect_timeout := 10.0

var _session: MarlSession
var _logger: MarlLogger
var _warnings: PackedStringArray = []
var _seconds_to_check := 0.0


func _enter_tree() -> void:
	if Engine.is_editor_hint():
		return
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
	set_process(Engine.is_editor_hint())
	if not Engine.is_editor_hint():
		_start()


# In the editor alone.
func _process(delta: float) -> void:
	_seconds_to_check -= delta
	if _seconds_to_check > 0.0:
		return
	var begin := Time.get_ticks_usec()
	var warnings := _find_warnings()
	var seconds := (Time.get_ticks_usec() - begin) / 1e6
	_seconds_to_check = maxf(_SECONDS_BETWEEN_CHECKS, seconds / _SHARE_OF_TIME)
	if warnings != _warnings:
		# Tell the editor once: it waits a moment for more before it asks.
		_warnings = warnings
		update_configuration_warnings()


func _get_configuration_warnings() -> PackedStringArray:
	return _find_warnings()


## The node below which the agents are.
func find_arena_root() -> Node:
	if arena_root:
		return arena_root
	if owner:
		return owner
	var scene := get_tree().current_scene
	if Engine.is_editor_hint():
		scene = get_tree().edited_scene_root
	return scene if scene else get_parent()


func _start() -> void:
	var started_by_python := OS.has_environment("GODOT_MARL_URL")
	var bridges := get_tree().get_nodes_in_group(_GROUP)
	if not enabled:
		if started_by_python and bridges.is_empty():
			_fail("the bridge %s is not enabled" % get_path())
		return
	var fault := MarlChecks.fault_of(self, bridges)
	if fault:
		_fail(fault)
		return
	var url := OS.get_environment("GODOT_MARL_URL") if started_by_python else address
	var trusted := certificate
	var file := OS.get_environment("GODOT_MARL_CERTIFICATE")
	if file:
		trusted = X509Certificate.new()
		if trusted.load(file) != OK:
			_fail("GODOT_MARL_CERTIFICATE names %s, which is no certificate" % file)
			return
	var token := OS.get_environment("GODOT_MARL_TOKEN")
	var link := MarlLink.new(url, token, connect_timeout, trusted)
	var problem := link.open()
	if problem:
		_fail(problem)
		return
	_session = MarlSession.new(self, link, _logger)
	# Before the _physics_process of every node, of new instances of the scene as well.
	get_tree().physics_frame.connect(_session.pass_frame)


# Empty while the bridge is in another scene than the one that is edited.
func _find_warnings() -> PackedStringArray:
	var scene := get_tree().edited_scene_root if is_inside_tree() else null
	if scene == null or not (scene == self or scene.is_ancestor_of(self)):
		return []
	return MarlChecks.warnings_of(self, scene)


func _fail(reason: String) -> void:
	printerr("godot-marl: ", reason)
	get_tree().quit(1)
