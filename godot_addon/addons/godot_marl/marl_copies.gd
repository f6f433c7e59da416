class_name MarlCopies
extends RefCounted
## Makes several arenas of one scene: new instances of its file, each in a world of its own.


## Puts [param count] instances of the scene of [param root] into SubViewports below the tree's
## root, and frees [param root]. The [param bridge] moves out of it first. Answers the instances'
## roots; none if [param root] is not the root of a scene file.
static func make(bridge: Node, root: Node, count: int) -> Array[Node]:
	var copies: Array[Node] = []
	var scene := load(root.scene_file_path) as PackedScene if root.scene_file_path else null
	if scene == null:
		return copies
	var tree := bridge.get_tree()
	bridge.get_parent().remove_child(bridge)
	bridge.owner = null
	tree.root.add_child(bridge)
	root.free()
	for i in count:
		var instance := scene.instantiate()
		_remove_bridges(instance)
		var viewport := _make_world(i)
		tree.root.add_child(viewport)
		viewport.add_child(instance)
		copies.append(instance)
	return copies


static func _make_world(index: int) -> SubViewport:
	var viewport := SubViewport.new()
	viewport.name = "Arena%d" % index
	# A SubViewport has a 2D world of its own anyway.
	viewport.own_world_3d = true
	viewport.size = Vector2i(
		ProjectSettings.get_setting("display/window/size/viewport_width", 1152) as int,
		ProjectSettings.get_setting("display/window/size/viewport_height", 648) as int
	)
	viewport.render_target_update_mode = SubViewport.UPDATE_DISABLED
	return viewport


# Before the instance enters the tree, so that none of them connects to Python.
static func _remove_bridges(node: Node) -> void:
	for child in node.get_children():
		if child is MarlBridge:
			node.remove_child(child)
			child.free()
		else:
			_remove_bridges(child)
