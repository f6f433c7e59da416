class_name MarlCopies
extends RefCounted
## Makes several arenas of one scene: new instances of its file, each in a world of its own.

var _tree: SceneTree
var _scene: PackedScene


## Takes the scene of [param root] out of the tree and frees it; the [param bridge] moves out of it
## first. Nothing happens if [param root] is not the root of a scene file, or below the bridge.
func _init(bridge: Node, root: Node) -> void:
	_tree = bridge.get_tree()
	if root == bridge or bridge.is_ancestor_of(root) or root.scene_file_path.is_empty():
		return
	_scene = load(root.scene_file_path) as PackedScene
	if _scene == null:
		return
	bridge.get_parent().remove_child(bridge)
	bridge.owner = null
	_tree.root.add_child(bridge)
	root.free()


## Hands the roots of [param count] arenas to [param then]: at once, or at the beginning of the next
## frame, before any node's _physics_process, if copies have to be made. A scene that cannot be
## copied is handed over as the one that it is.
static func provide(bridge: MarlBridge, count: int, then: Callable) -> void:
	var roots: Array[Node] = [bridge.find_arena_root()]
	if count > 1:
		var copies := MarlCopies.new(bridge, roots[0])
		if copies.is_possible():
			bridge.get_tree().physics_frame.connect(
				func() -> void: then.call(copies.make(count)), CONNECT_ONE_SHOT
			)
			return
	then.call(roots)


## False if the scene cannot be copied, and was left where it is.
func is_possible() -> bool:
	return _scene != null


## Puts [param count] instances of the scene into SubViewports below the tree's root, and answers
## their roots. Call it before the nodes' _physics_process: a node that enters the tree later in a
## frame misses it, and would lag behind a scene that is alone.
func make(count: int) -> Array[Node]:
	var copies: Array[Node] = []
	for i in count:
		var instance := _scene.instantiate()
		_disable_bridges(instance)
		var viewport := _make_world(i)
		_tree.root.add_child(viewport)
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


# Before the instance enters the tree, so that none of them connects to Python. They stay where they
# are: the scene may count its children.
static func _disable_bridges(node: Node) -> void:
	if node is MarlBridge:
		(node as MarlBridge).enabled = false
	for child in node.get_children():
		_disable_bridges(child)
