class_name MarlKeys
extends Node
## Hands key presses and mouse clicks to agents that people play while the tree is paused.
##
## Godot passes no input on to a paused node, and a window pauses the tree while it waits for
## Python, or for a person's decision. The agents themselves and the nodes above them get it.

var _arenas: Array[MarlArena] = []


func _init(arenas: Array[MarlArena]) -> void:
	_arenas = arenas
	process_mode = Node.PROCESS_MODE_ALWAYS


func _input(event: InputEvent) -> void:
	for node in _paused_nodes():
		if node.is_processing_input():
			_hand(node, "_input", event)


func _unhandled_key_input(event: InputEvent) -> void:
	for node in _paused_nodes():
		if node.is_processing_unhandled_key_input():
			_hand(node, "_unhandled_key_input", event)


func _unhandled_input(event: InputEvent) -> void:
	for node in _paused_nodes():
		if node.is_processing_unhandled_input():
			_hand(node, "_unhandled_input", event)


func _paused_nodes() -> Array[Node]:
	var nodes: Array[Node] = []
	if get_tree().paused:
		for arena in _arenas:
			nodes.append_array(arena.people.nodes_of(arena.agents, arena.root))
	return nodes.filter(_is_paused)


# False for a node that the scene has disabled, or that works in a pause.
static func _is_paused(node: Node) -> bool:
	while node.process_mode == Node.PROCESS_MODE_INHERIT and node.get_parent():
		node = node.get_parent()
	return node.process_mode in [Node.PROCESS_MODE_INHERIT, Node.PROCESS_MODE_PAUSABLE]


# Built-in classes process input without a method that could be called.
static func _hand(node: Node, method: String, event: InputEvent) -> void:
	if node.has_method(method):
		node.call(method, event)
