class_name MarlPause
extends RefCounted
## The tree's pause. It belongs to the scene, save where a window waits for Python.

var _tree: SceneTree
var _is_on := false


func _init(tree: SceneTree) -> void:
	_tree = tree


## Pauses the tree, or ends our own pause of it.
func switch(on: bool) -> void:
	if on != _is_on:
		_is_on = on
		_tree.paused = on
