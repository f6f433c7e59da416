extends RefCounted
## Makes the arenas: new instances of the scene's file, each in a world of its own or side by side
## in one world. A single arena is the scene itself.

const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")

# The method of the scene's root that returns how much room an arena needs in a shared world.
const _SIZE := "get_arena_size"

## The roots of the arenas.
var roots: Array[Node] = []
## True if each reset makes a new instance of its arena.
var is_exact := false
## Why these arenas cannot be made, or null.
var problem: _MarlProblem

var _tree: SceneTree
var _host_script: Script
var _scene: PackedScene
var _is_shared := false
var _count := 1
var _parents: Array[Node] = []


## Makes as many arenas of the scene with [param root] as Python's [param configuration] says.
## [param host], the bridge, leaves a scene that is instantiated again. Call this before the nodes'
## _physics_process: a node that enters the tree later in a frame misses that frame's.
func _init(host: Node, root: Node, configuration: Dictionary) -> void:
	_tree = host.get_tree()
	_host_script = host.get_script()
	_count = int(configuration.get("arenas", 1) as float)
	_is_shared = str(configuration.get("layout", "separate")) == "shared"
	is_exact = configuration.get("exact_reset", false)
	if _count == 1 and not is_exact:
		roots.append(root)
		return
	problem = _find_problem(host, root)
	if problem:
		return
	_scene = load(root.scene_file_path)
	# The host moves out of the scene, which is then freed.
	host.get_parent().remove_child(host)
	host.owner = null
	_tree.root.add_child(host)
	root.free()
	_parents.resize(_count)
	for i in _count:
		roots.append(make_again(i))


## Makes a new instance of the arena with this index, which replaces the last one, and returns its
## root.
func make_again(index: int) -> Node:
	if _parents[index]:
		_parents[index].free()
	var instance := _scene.instantiate()
	_disable_hosts(instance)
	var parent := Node.new() if _is_shared else _make_world() as Node
	parent.name = "Arena%d" % index
	_parents[index] = parent
	if _is_shared:
		_move_aside(instance, index)
	_tree.root.add_child(parent)
	parent.add_child(instance)
	return instance


func _find_problem(host: Node, root: Node) -> _MarlProblem:
	if root == host or host.is_ancestor_of(root) or root.scene_file_path.is_empty():
		return _MarlProblem.new(
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
	return _MarlProblem.new(
		"configure",
		"The scene does not say how much room a copy needs in a shared world.",
		"%s.%s()" % [root.get_path(), _SIZE],
		"a Node3D that answers a Vector3, or a Node2D that answers a Vector2",
		_MarlProblem.describe(answer) if root.has_method(_SIZE) else "no such method",
		"Add it to the script of the scene's root, or use layout='separate'."
	)


# Arenas in a shared world stand in a square, on the ground in 3D.
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
	# A SubViewport always has its own 2D world.
	viewport.own_world_3d = true
	var has_display := DisplayServer.get_name() != "headless"
	# The size that a single arena would have in the window.
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


# Disables the bridges of an instance before it enters the tree, so that they do not connect. They
# are not removed, because the scene may count its children.
func _disable_hosts(node: Node) -> void:
	if node.get_script() == _host_script:
		node.set("enabled", false)
	for child in node.get_children():
		_disable_hosts(child)
