@tool
@icon("icon.svg")
class_name MarlBridge
extends Node
## Connects the agents of a scene to Python.
##
## Add one to the scene. Each node below [member arena_root] with the methods apply_action,
## get_observation, get_reward, reset and is_done is an agent. An enabled bridge waits for Python
## before the first physics frame, and closes the game if Python does not answer.
## [br][br]
## In the editor it does not connect: it only shows warnings about the scene.

const _MarlConnection := preload("res://addons/godot_marl/transport/marl_connection.gd")
const _MarlScriptErrors := preload("res://addons/godot_marl/session/marl_script_errors.gd")
const _MarlSession := preload("res://addons/godot_marl/session/marl_session.gd")

# Only the editor loads it.
const _SCENE_WARNINGS := "res://addons/godot_marl/editor/marl_scene_warnings.gd"
const _GROUP := "godot_marl_enabled_bridges"
# No signal reports that a script was saved with other methods, so the bridge checks the scene again
# and again: less often in a large scene, so that this takes only this share of the editor's time.
const _SECONDS_BETWEEN_CHECKS := 0.5
const _SHARE_OF_TIME := 0.01

## Off: the scene runs as a normal game.
@export var enabled := true
## How many physics frames one step lasts. The action is applied in each of them.
@export_range(1, 1000, 1, "or_greater") var step_length := 1
## The node below which the agents are. Empty: the root of the bridge's scene.
@export var arena_root: Node
## How many physics frames pass between a reset and the first observation. Sensors (ray casts,
## areas) detect the old places until physics has run.
@export_range(0, 100, 1, "or_greater") var settle_frames := 0
## Python's address, for a game that Python did not start.
@export var address := "ws://127.0.0.1:8000"
## The certificate that signed Python's, if [member address] begins with wss://. Empty: those that
## the system trusts.
@export var certificate: X509Certificate
## How many seconds the game waits for Python before it closes.
@export_range(1.0, 600.0, 1.0, "or_greater", "suffix:s") var connect_timeout := 10.0

var _connection: _MarlConnection
var _session: _MarlSession
var _script_errors: _MarlScriptErrors
var _warnings: PackedStringArray = []
var _seconds_to_check := 0.0


func _enter_tree() -> void:
	if Engine.is_editor_hint():
		return
	# Before any _ready of the scene, to collect its errors as well.
	if enabled:
		add_to_group(_GROUP)
	if enabled and _script_errors == null:
		_script_errors = _MarlScriptErrors.new()
		OS.add_logger(_script_errors)


func _notification(what: int) -> void:
	# Not when it leaves the tree, because it moves when the scene is instantiated again.
	if what == NOTIFICATION_PREDELETE and _script_errors:
		OS.remove_logger(_script_errors)
		_script_errors = null


func _ready() -> void:
	set_process(Engine.is_editor_hint())
	if not Engine.is_editor_hint():
		_start()


# In the editor only.
func _process(delta: float) -> void:
	_seconds_to_check -= delta
	if _seconds_to_check > 0.0:
		return
	var begin := Time.get_ticks_usec()
	var warnings := _find_warnings()
	var seconds := (Time.get_ticks_usec() - begin) / 1e6
	_seconds_to_check = maxf(_SECONDS_BETWEEN_CHECKS, seconds / _SHARE_OF_TIME)
	if warnings != _warnings:
		# Only on a change, because the editor then reads all warnings.
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
	var fault := _find_fault(bridges)
	if fault:
		_fail(fault)
		return
	var url := OS.get_environment("GODOT_MARL_URL") if started_by_python else address
	var trusted := certificate
	var file := OS.get_environment("GODOT_MARL_CERTIFICATE")
	if file:
		trusted = X509Certificate.new()
		if trusted.load(file) != OK:
			_fail("GODOT_MARL_CERTIFICATE names %s, which is not a certificate" % file)
			return
	var token := OS.get_environment("GODOT_MARL_TOKEN")
	_connection = _MarlConnection.new(url, token, connect_timeout, trusted)
	var problem := _connection.open()
	if problem:
		_fail(problem)
		return
	# Before the _physics_process of every node, of new instances of the scene as well.
	get_tree().physics_frame.connect(_pass_frame)


func _pass_frame() -> void:
	# Not earlier: until the first frame, the _ready of other nodes may set properties of the
	# bridge.
	if _session == null:
		_session = _MarlSession.new(
			self, find_arena_root(), _connection, _script_errors, step_length, settle_frames
		)
	_session.pass_frame()


# Why the game cannot start, where [param bridges] are all that are enabled; empty if it can.
func _find_fault(bridges: Array[Node]) -> String:
	if bridges.size() > 1:
		var paths := ", ".join(bridges.map(func(other: Node) -> String: return other.get_path()))
		return "only one bridge may be enabled, not %d: %s" % [bridges.size(), paths]
	if step_length < 1:
		return "step_length of %s must be at least 1, not %d" % [get_path(), step_length]
	return ""


# Empty while the bridge is not in the edited scene.
func _find_warnings() -> PackedStringArray:
	var scene := get_tree().edited_scene_root if is_inside_tree() else null
	if scene == null or not (scene == self or scene.is_ancestor_of(self)):
		return []
	return load(_SCENE_WARNINGS).call("warnings_of", self, scene)


func _fail(reason: String) -> void:
	printerr("godot-marl: ", reason)
	get_tree().quit(1)
