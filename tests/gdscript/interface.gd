extends SceneTree
## Prints what the scripts of a file offer, a line of JSON for each. Run by
## tests/integration/test_public_addon.py, with the paths of the scripts as arguments.


func _initialize() -> void:
	for path: String in OS.get_cmdline_user_args():
		var script: Script = load(path)
		print(JSON.stringify(_interface_of(path, script)))


# Ends the program after the first frame, even if _initialize failed.
func _process(_delta: float) -> bool:
	return true


static func _interface_of(path: String, script: Script) -> Dictionary:
	var methods := {}
	for method: Dictionary in script.get_script_method_list():
		methods[method["name"]] = _method(method)
	var exports := {}
	for property: Dictionary in script.get_script_property_list():
		var usage: int = property["usage"]
		if usage & PROPERTY_USAGE_SCRIPT_VARIABLE and usage & PROPERTY_USAGE_EDITOR:
			var name: String = property["name"]
			exports[name] = [_type(property), var_to_str(script.get_property_default_value(name))]
	var constants := script.get_script_constant_map()
	for name: StringName in constants:
		constants[name] = var_to_str(constants[name])
	return {
		"path": path,
		"class": script.get_global_name(),
		"base": script.get_instance_base_type(),
		"methods": methods,
		"exports": exports,
		"constants": constants,
	}


# The arguments in order, each with its name, its type, and its default if it has one.
static func _method(method: Dictionary) -> Dictionary:
	var list: Array[Dictionary] = []
	list.assign(method["args"] as Array)
	var defaults: Array = method["default_args"]
	var arguments := []
	for i in list.size():
		var argument := [list[i]["name"], _type(list[i])]
		var from_end := i - list.size() + defaults.size()
		if from_end >= 0:
			argument.append(var_to_str(defaults[from_end]))
		arguments.append(argument)
	var flags: int = method["flags"]
	return {
		"arguments": arguments,
		"returns": _type(method["return"] as Dictionary),
		"static": flags & METHOD_FLAG_STATIC != 0,
	}


static func _type(property: Dictionary) -> String:
	var type: int = property["type"]
	if type == TYPE_OBJECT:
		return property["class_name"]
	if type == TYPE_NIL:
		var usage: int = property["usage"]
		return "Variant" if usage & PROPERTY_USAGE_NIL_IS_VARIANT else "void"
	return type_string(type)
