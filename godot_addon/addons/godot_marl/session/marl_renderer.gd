extends RefCounted
## Renders an arena (protocol, clause 2.5).

const _MarlArena := preload("res://addons/godot_marl/arena/marl_arena.gd")
const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")
const _MarlReply := preload("res://addons/godot_marl/protocol/marl_reply.gd")

## How to start a game that can render.
const HOW_TO_GET_ONE := (
	"Start the game without --headless (with xvfb-run, where there is no display), or let Python "
	+ "start it, with render_mode='rgb_array'."
)


## Replies to a render message for [param arena], one of [param arenas]: returns the problem, or
## null and the image in [param into].
static func answer(
	arena: _MarlArena, arenas: Array[_MarlArena], message: Dictionary, into: Array[PackedByteArray]
) -> _MarlProblem:
	var root := arena.root
	var viewport := root.get_viewport()
	if DisplayServer.get_name() == "headless":
		return _MarlProblem.new(
			"render",
			"A headless game has no picture.",
			"render",
			"a game started with a display",
			"--headless",
			HOW_TO_GET_ONE
		)
	# The engine flushes transforms at the end of the frame only: without this, an image right after
	# a reset would show the old places.
	for node in root.find_children("*", "Node3D", true, false):
		(node as Node3D).force_update_transform()
	for node in root.find_children("*", "CanvasItem", true, false):
		(node as CanvasItem).force_update_transform()
	var look_back := _look_at(root, arenas)
	RenderingServer.force_draw(false)
	look_back.call()
	var image := viewport.get_texture().get_image()
	if image == null or image.is_empty():
		return _MarlProblem.new(
			"render", "The engine rendered no image.", "render", "an image", "nothing", ""
		)
	if message.get("size") is Array:
		var size: Array = message["size"]
		image.resize(int(size[0] as float), int(size[1] as float), Image.INTERPOLATE_LANCZOS)
	image.convert(Image.FORMAT_RGB8)
	into.append(_MarlReply.encode_frame(int(message["request"] as float), image))
	return null


# Arenas side by side in one world share a viewport. This hides the other arenas and looks through
# the camera of this one that corresponds to the current camera; in 2D without a camera, it moves
# the canvas. Returns a function that undoes all this.
static func _look_at(root: Node, arenas: Array[_MarlArena]) -> Callable:
	var viewport := root.get_viewport()
	var hidden: Array[Node] = []
	for other in arenas:
		var is_beside := other.root != root and other.root.get_viewport() == viewport
		if is_beside and other.root.get("visible"):
			hidden.append(other.root)
	var camera: Node = null
	if root is Node3D:
		camera = viewport.get_camera_3d()
	elif root is Node2D:
		camera = viewport.get_camera_2d()
	var canvas := viewport.canvas_transform
	var own: Node = camera
	for other in hidden:
		if camera and other.is_ancestor_of(camera):
			own = _same_camera(root, camera, other.get_path_to(camera))
		other.set("visible", false)
	if own and own != camera:
		_look_through(own)
	elif camera == null and root is Node2D and not hidden.is_empty():
		var aside := (root as Node2D).position - (arenas[0].root as Node2D).position
		viewport.canvas_transform = canvas.translated_local(-aside)
	return func() -> void:
		for other in hidden:
			other.set("visible", true)
		if own and own != camera:
			_look_through(camera)
		viewport.canvas_transform = canvas


# The node at the same path or, for cameras that a script has made, the first of the same class.
static func _same_camera(root: Node, camera: Node, path: NodePath) -> Node:
	var named := root.get_node_or_null(path)
	if named:
		return named
	var others := root.find_children("*", camera.get_class(), true, false)
	return null if others.is_empty() else others[0]


static func _look_through(camera: Node) -> void:
	if camera is Camera3D:
		(camera as Camera3D).make_current()
	elif camera is Camera2D:
		(camera as Camera2D).make_current()
		(camera as Camera2D).force_update_scroll()
