class_name MarlPicture
extends RefCounted
## Renders an arena (protocol, clause 2.5).


## Answers a render message for [param arena], one of [param arenas]: the problem, or null and the
## frame in [param into].
static func answer(
	arena: MarlArena, arenas: Array[MarlArena], message: Dictionary, into: Array[PackedByteArray]
) -> MarlProblem:
	var root := arena.root
	var viewport := root.get_viewport()
	if DisplayServer.get_name() == "headless":
		return MarlProblem.new(
			"render",
			"A headless game has no picture.",
			"render",
			"a game started with a display",
			"--headless",
			"Make the environment with render_mode='rgb_array'."
		)
	# The engine would flush them only at the end of the frame, so that a picture right after a reset
	# showed the old places.
	for node in root.find_children("*", "Node3D", true, false):
		(node as Node3D).force_update_transform()
	for node in root.find_children("*", "CanvasItem", true, false):
		(node as CanvasItem).force_update_transform()
	var look_back := _look_at(root, arenas)
	RenderingServer.force_draw(false)
	look_back.call()
	var image := viewport.get_texture().get_image()
	if image == null or image.is_empty():
		return MarlProblem.new(
			"render", "The engine gave no picture.", "render", "a picture", "nothing", ""
		)
	if message.get("size") is Array:
		var size: Array = message["size"]
		image.resize(int(size[0] as float), int(size[1] as float), Image.INTERPOLATE_LANCZOS)
	image.convert(Image.FORMAT_RGB8)
	into.append(MarlReply.encode_frame(int(message["request"] as float), image))
	return null


# Arenas side by side in one world share one viewport too: it looks through the camera that does in
# this arena what the current one does in its own, or, in 2D without a camera, from as far aside as
# this arena stands. Answers what puts the view back.
static func _look_at(root: Node, arenas: Array[MarlArena]) -> Callable:
	var first := arenas[0].root
	var viewport := root.get_viewport()
	if arenas.size() == 1 or first.get_viewport() != viewport:
		return func() -> void: pass
	var camera: Node = viewport.get_camera_3d() if root is Node3D else viewport.get_camera_2d()
	if camera:
		for other in arenas:
			if other.root.is_ancestor_of(camera) and other.root != root:
				var same := root.get_node_or_null(other.root.get_path_to(camera))
				if same and same.get_class() == camera.get_class():
					_look_through(same)
					return _look_through.bind(camera)
	elif root is Node2D:
		var before := viewport.canvas_transform
		var aside := (root as Node2D).position - (first as Node2D).position
		viewport.canvas_transform = before.translated_local(-aside)
		return viewport.set_canvas_transform.bind(before)
	return func() -> void: pass


static func _look_through(camera: Node) -> void:
	if camera is Camera3D:
		(camera as Camera3D).make_current()
	elif camera is Camera2D:
		(camera as Camera2D).make_current()
		(camera as Camera2D).force_update_scroll()
