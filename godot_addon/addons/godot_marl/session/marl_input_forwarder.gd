extends Node
## Forwards input events to agents that people play while the tree is paused.
##
## Godot sends no input to a paused node, and a game with a window pauses the tree while it waits
## for Python or for a person. The agents and the nodes above them get the events.

const _MarlArena := preload("res://addons/godot_marl/arena/marl_arena.gd")

var _arenas: Array[_MarlArena] = []


func _init(arenas: Array[_MarlArena]) -> void:
	_arenas = arenas
	process_mode = Node.PROCESS_MODE_ALWAYS


func _input(event: InputEvent) -> void:
	for node in _paused_nodes():
		if node.is_processing_input():
			_forward(node, "_input", event)


func _unhandled_key_input(event: InputEvent) -> void:
	for node in _paused_nodes():
		if node.is_processing_unhandled_key_input():
			_forward(node, "_unhandled_key_input", event)


func _unhandled_input(event: InputEvent) -> void:
	for node in _paused_nodes():
		if node.is_processing_unhandled_input():
			_forward(node, "_unhandled_input", event)


func _paused_nodes() -> Array[Node]:
	var nodes: Array[Node] = []
	if get_tree().paused:
		for arena in _arenas:
			nodes.append_array(arena.human_control.nodes_of(arena.agents, arena.root))
	return nodes.filter(_is_paused)


# False for a node that the scene has disabled, or that is processed in a pause.
static func _is_paused(node: Node) -> bool:
	while node.process_mode == Node.PROCESS_MODE_INHERIT and node.get_parent():
		node = node.get_parent()
	return node.process_mode in [Node.PROCESS_MODE_INHERIT, Node.PROCESS_MODE_PAUSABLE]


# A node without a script may process input, but has no method to call.
static func _forward(node: Node, method: String, event: InputEvent) -> void:
	if node.has_method(method):
		node.call(method, event)
