class_name MarlCopies
extends RefCounted
## Makes several arenas of one scene: new instances of its file, each in a world of its own, or side
## by side in one world.

# The method of the scene's root that says how much room a copy needs in a shared world.
const _SIZE := "get_arena_size"

## The roots of the arenas: of the copies, or of the one scene that stays where it is.
var roots: Array[Node] = []
## True if every reset makes its arena anew.
var is_exact := false
## Why there cannot be so many, or null.
var problem: MarlProblem

var _tree: SceneTree
var _scene: PackedScene
var _is_shared := false
var _count := 1
var _parents: Array[Node] = []


## Makes as many arenas of the scene of [param bridge] as Python's [param configuration] wants. Call
## it before the nodes' _physics_process: a node that enters the tree later in a frame misses it,
## and would lag behind a scene that is alone.
func _init(bridge: MarlBridge, configuration: Dictionary) -> void:
	_tree = bridge.get_tree()
	_count = int(configuration.get("arenas", 1) as float)
	_is_shared = str(configuration.get("layout", "separate")) == "shared"
	is_exact = configuration.get("exact_reset", false)
	var root := bridge.find_arena_root()
	if _count == 1 and not is_exact:
		roots.append(root)
		return
	problem = _find_problem(bridge, root)
	if problem:
		return
	_scene = load(root.scene_file_path)
	# The bridge moves out of the scene, which is then freed.
	bridge.get_parent().remove_child(bridge)
	bridge.owner = null
	_tree.root.add_child(bridge)
	root.free()
	_parents.resize(_count)
	for i in _count:
		roots.append(make_again(i))


## Puts a new instance in the place of the copy with this index, if there is one, and answers its
## root.
func make_again(index: int) -> Node:
	if _parents[index]:
		_parents[index].free()
	var instance := _scene.instantiate()
	_disable_bridges(instance)
	var parent := Node.new() if _is_shared else _make_world() as Node
	parent.name = "Arena%d" % index
	_parents[index] = parent
	if _is_shared:
		_move_aside(instance, index)
	_tree.root.add_child(parent)
	parent.add_child(instance)
	return instance


func _find_problem(bridge: MarlBridge, root: Node) -> MarlProblem:
	if root == bridge or bridge.is_ancestor_of(root) or root.scene_file_path.is_empty():
		return MarlProblem.new(
			"configure",
			(
				"This game cannot make that many arenas."
				if _count > 1
				else "This game cannot reset exactly."
			),
			"arenas" if _count > 1 else "exact_reset",
			"a scene that can be copied",
			"%s, which is not the root of a scene file, or is below the bridge" % root.get_path(),
			"Save the branch that is the arena as a scene of its own."
		)
	var answer: Variant = root.call(_SIZE) if root.has_method(_SIZE) else null
	var has_room := (root is Node3D and answer is Vector3) or (root is Node2D and answer is Vector2)
	if has_room or not _is_shared:
		return null
	return MarlProblem.new(
		"configure",
		"The scene does not say how much room a copy needs in a shared world.",
		"%s.%s()" % [root.get_path(), _SIZE],
		"a Node3D that answers a Vector3, or a Node2D that answers a Vector2",
		MarlProblem.describe(answer) if root.has_method(_SIZE) else "no such method",
		"Add it to the script of the scene's root, or use layout='separate'."
	)


# Copies stand in a square, on the ground in 3D, in the plane in 2D.
func _move_aside(instance: Node, index: int) -> void:
	var columns := ceili(sqrt(_count))
	var column := index % columns
	var row := floori(float(index) / columns)
	if instance is Node3D:
		var room: Vector3 = instance.call(_SIZE)
		(instance as Node3D).position += Vector3(column * room.x, 0.0, row * room.z)
	elif instance is Node2D:
		var area: Vector2 = instance.call(_SIZE)
		(instance as Node2D).position += Vector2(column * area.x, row * area.y)


func _make_world() -> SubViewport:
	var viewport := SubViewport.new()
	# A SubViewport has a 2D world of its own anyway.
	viewport.own_world_3d = true
	var has_display := DisplayServer.get_name() != "headless"
	# As much as the window would show of a scene that is alone.
	viewport.size = (
		Vector2i(_tree.root.get_visible_rect().size)
		if has_display
		else Vector2i(
			ProjectSettings.get_setting("display/window/size/viewport_width", 1152) as int,
			ProjectSettings.get_setting("display/window/size/viewport_height", 648) as int
		)
	)
	viewport.render_target_update_mode = (
		SubViewport.UPDATE_ALWAYS if has_display else SubViewport.UPDATE_DISABLED
	)
	return viewport


# Before the instance enters the tree, so that none of them connects to Python. They stay where they
# are: the scene may count its children.
static func _disable_bridges(node: Node) -> void:
	if node is MarlBridge:
		(node as MarlBridge).enabled = false
	for child in node.get_children():
		_disable_bridges(child)
