@tool
extends EditorPlugin
## Shows a scene in the editor with one node selected, takes a picture of the editor, and quits.

# Importing, the preview of a scene and the docks are finished after this many frames.
const _FRAMES := 90


func _ready() -> void:
	_work.call_deferred()


func _work() -> void:
	var files := EditorInterface.get_resource_filesystem()
	while files.is_scanning():
		await get_tree().process_frame
	var scene := OS.get_environment("PICTURE_SCENE")
	EditorInterface.open_scene_from_path(scene)
	var root := EditorInterface.get_edited_scene_root()
	while root == null or root.scene_file_path != scene:
		await get_tree().process_frame
		root = EditorInterface.get_edited_scene_root()
	EditorInterface.set_main_screen_editor("3D")
	# The view resets its camera in every frame, so move it as late as possible.
	RenderingServer.frame_pre_draw.connect(_look.bind(root.get_node("Camera")))
	var bridge := root.get_node("MarlBridge")
	EditorInterface.get_selection().clear()
	EditorInterface.get_selection().add_node(bridge)
	EditorInterface.edit_node(bridge)
	for _frame in _FRAMES:
		await get_tree().process_frame
	var picture := get_tree().root.get_texture().get_image()
	picture.save_png(OS.get_environment("PICTURE_FILE"))
	get_tree().quit()


# The 3D view looks at the scene as the scene's own camera does.
func _look(camera: Camera3D) -> void:
	var view := EditorInterface.get_editor_viewport_3d().get_camera_3d()
	view.fov = camera.fov
	view.keep_aspect = camera.keep_aspect
	view.global_transform = camera.global_transform
