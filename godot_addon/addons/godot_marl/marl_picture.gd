class_name MarlPicture
extends RefCounted
## Renders an arena (protocol, clause 2.5).

## What to do about a game without a display.
const HOW_TO_GET_ONE := (
	"Start the game without --headless (with xvfb-run, where there is no display), or let Python "
	+ "start it, with render_mode='rgb_array'."
)


## Answers a render message for an arena with the root [param root]: the problem, or null and the
## frame in [param into].
static func answer(root: Node, message: Dictionary, into: Array[PackedByteArray]) -> MarlProblem:
	var viewport := root.get_viewport()
	if DisplayServer.get_name() == "headless":
		return MarlProblem.new(
			"render",
			"A headless game has no picture.",
			"render",
			"a game started with a display",
			"--headless",
			HOW_TO_GET_ONE
		)
	# The engine would flush them only at the end of the frame, so that a picture right after a reset
	# showed the old places.
	for node in root.find_children("*", "Node3D", true, false):
		(node as Node3D).force_update_transform()
	for node in root.find_children("*", "CanvasItem", true, false):
		(node as CanvasItem).force_update_transform()
	RenderingServer.force_draw(false)
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
