@tool
extends EditorPlugin
## Lists the addon under Project Settings > Plugins, and brings the script template for agents.
##
## The Create dialog knows MarlBridge by its class name, and so it finds the node as soon as the
## addon is in the project, whether the plugin is enabled or not.
## [br][br]
## The Attach Script dialog reads its templates from one folder of the project alone (the setting
## [code]editor/script/templates_search_path[/code]). So while the plugin is enabled, the template
## MARL Agent is copied there whenever it is missing; one that is there is never overwritten. When
## the plugin is disabled, the copy is removed unless you changed it.

const _TEMPLATE := "Node/marl_agent.gd"


func _enter_tree() -> void:
	_add_template()


func _disable_plugin() -> void:
	_remove_template()


func _add_template() -> void:
	var target := _templates_folder().path_join(_TEMPLATE)
	if FileAccess.file_exists(target):
		return
	var fresh := _first_missing_folder(target.get_base_dir())
	var error := DirAccess.make_dir_recursive_absolute(target.get_base_dir())
	if error == OK and fresh:
		# Templates hold placeholders, and are no scripts to the project. A folder that was there
		# before stays as its owner wants it.
		FileAccess.open(fresh.path_join(".gdignore"), FileAccess.WRITE)
	if error == OK:
		error = DirAccess.copy_absolute(_source(), target)
	if error != OK:
		push_warning(
			(
				"godot-marl: the script template could not be written to %s: %s"
				% [target, error_string(error)]
			)
		)


# Takes away what _add_template brought, as far as nobody made it his own.
func _remove_template() -> void:
	var target := _templates_folder().path_join(_TEMPLATE)
	if not FileAccess.file_exists(target):
		return
	if FileAccess.get_sha256(target) != FileAccess.get_sha256(_source()):
		return
	DirAccess.remove_absolute(target)
	var folder := target.get_base_dir()
	while folder.begins_with(_templates_folder()) and _is_empty(folder):
		DirAccess.remove_absolute(folder.path_join(".gdignore"))
		DirAccess.remove_absolute(folder)
		folder = folder.get_base_dir()


# True if nothing is in the folder, or an empty .gdignore alone.
func _is_empty(folder: String) -> bool:
	var directory := DirAccess.open(folder)
	directory.include_hidden = true
	var files := directory.get_files()
	if directory.get_directories() or files.size() > 1:
		return false
	if files.is_empty():
		return true
	return (
		files[0] == ".gdignore"
		and FileAccess.get_file_as_bytes(folder.path_join(".gdignore")).is_empty()
	)


func _first_missing_folder(folder: String) -> String:
	var missing := ""
	while folder != "res://" and not DirAccess.dir_exists_absolute(folder):
		missing = folder
		folder = folder.get_base_dir()
	return missing


func _source() -> String:
	var script: Script = get_script()
	return script.resource_path.get_base_dir().path_join("script_templates").path_join(_TEMPLATE)


func _templates_folder() -> String:
	var folder: String = ProjectSettings.get_setting(
		"editor/script/templates_search_path", "res://script_templates"
	)
	return folder
