@tool
extends EditorPlugin
## Edits scenes as an author would, and prints what their bridge shows after each edit.

const FOURTH := '\n\nfunc reset() -> void:\n\tpush_error("called")\n'

var _dock: Tree
var _bridge: MarlBridge
var _before := ""


func _ready() -> void:
	_work.call_deferred()


func _work() -> void:
	var files := EditorInterface.get_resource_filesystem()
	while files.is_scanning():
		await get_tree().process_frame
	var base := EditorInterface.get_base_control()
	_dock = base.find_children("*", "SceneTreeEditor", true, false)[0].get_child(0)
	await _edit_level()
	await _edit_alone()
	get_tree().quit()


func _edit_level() -> void:
	var level := await _open("res://level.tscn", "MarlBridge")
	await _shows("opened")
	var props := _add(level, Node2D.new(), "Props")
	var hero := _add(level, Node2D.new(), "Hero")
	hero.set_script(load("res://three.gd"))
	await _shows("a node with three of the methods")
	hero.name = "Walker"
	await _shows("renamed")
	hero.reparent(props)
	await _shows("moved")
	var script: GDScript = hero.get_script()
	script.source_code += FOURTH
	script.reload(true)
	await _shows("its script was saved with a fourth")
	hero.set_script(_whole())
	await _shows("another script, which inherits four")
	var second := MarlBridge.new()
	_add(props, second, "Second")
	await _shows("a second bridge")
	second.enabled = false
	await _shows("which is switched off")
	_bridge.step_length = 0
	await _shows("step_length 0")
	_bridge.step_length = 1
	await _shows("step_length 1")
	_bridge.arena_root = _add(level, Node2D.new(), "Beside")
	await _shows("arena_root beside the agent")
	var beside := _bridge.arena_root
	level.remove_child(beside)
	await _shows("which leaves the scene")
	_bridge.arena_root = null
	await _shows("arena_root empty")
	beside.free()
	hero.queue_free()
	await _shows("the agent was removed")
	level.set_script(load("res://declaring.gd"))
	await _shows("the root declares who comes later")
	level.set_script(null)
	await _shows("the root declares nobody")
	_bridge.enabled = false
	await _shows("switched off")


func _edit_alone() -> void:
	var alone := await _open("res://alone.tscn", ".")
	await _shows("the bridge as root of a scene")
	var agent := _add(alone, Node2D.new(), "Agent")
	agent.set_script(_whole())
	await _shows("with an agent")
	agent.set_script(null)
	await _shows("which is none any more")
	_add(alone, Node2D.new(), "Agents").set_script(load("res://many.gd"))
	await _shows("with a node of many agents")


func _whole() -> Script:
	return load("res://whole.gd")


func _open(path: String, bridge: NodePath) -> Node:
	EditorInterface.open_scene_from_path(path)
	var root := EditorInterface.get_edited_scene_root()
	while root == null or root.scene_file_path != path:
		await get_tree().process_frame
		root = EditorInterface.get_edited_scene_root()
	_bridge = root.get_node(bridge)
	_before = ""
	return root


func _add(parent: Node, node: Node, node_name: String) -> Node:
	node.name = node_name
	parent.add_child(node)
	node.owner = EditorInterface.get_edited_scene_root()
	return node


# Waits until the scene dock shows other warnings than before.
func _shows(what: String) -> void:
	while _shown() == _before:
		await get_tree().process_frame
	_before = _shown()
	print("SHOWN ", JSON.stringify([what, _before, _bridge._get_configuration_warnings()]))


# What the scene dock shows when the pointer rests on the warning sign beside the bridge.
func _shown() -> String:
	var item := _item_of(_dock.get_root())
	for button in item.get_button_count(0) if item else 0:
		var text := item.get_button_tooltip_text(0, button)
		if text.contains("warning"):
			return text
	return ""


func _item_of(item: TreeItem) -> TreeItem:
	while item:
		if item.get_metadata(0) == _bridge.get_path():
			return item
		item = item.get_next_in_tree()
	return null
