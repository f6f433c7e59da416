extends RefCounted
## Pauses the tree while a window waits for Python, and at no other time: a pause is the scene's.

var _tree: SceneTree
var _is_on := false


func _init(tree: SceneTree) -> void:
	_tree = tree


## Pauses the tree, or ends this pause of it. A pause by the scene is left alone.
func switch(on: bool) -> void:
	if on != _is_on:
		_is_on = on
		_tree.paused = on
