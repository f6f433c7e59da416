extends Logger
## Collects the script errors of the game: after one, a method returns a zero or null in silence.

const _MOST := 20

var _errors: Array[Dictionary] = []
var _mutex := Mutex.new()


## The script errors since the last call, as in clause 2.7, and [code]callers[/code] in addition.
func consume() -> Array[Dictionary]:
	_mutex.lock()
	var errors := _errors
	_errors = []
	_mutex.unlock()
	return errors


## True if there are script errors to consume.
func has_errors() -> bool:
	return not _errors.is_empty()


# Godot calls this from any thread.
func _log_error(
	function: String,
	file: String,
	line: int,
	code: String,
	rationale: String,
	_editor_notify: bool,
	error_type: int,
	script_backtraces: Array[ScriptBacktrace]
) -> void:
	if error_type != ERROR_TYPE_SCRIPT:
		return
	_mutex.lock()
	if _errors.size() < _MOST:
		(
			_errors
			. append(
				{
					"file": file,
					"line": line,
					"function": function,
					"message": rationale if rationale else code,
					"callers": _describe_callers(script_backtraces),
				}
			)
		)
	_mutex.unlock()


# The functions of the game on the call stack, without the one that failed.
static func _describe_callers(backtraces: Array[ScriptBacktrace]) -> String:
	var callers: PackedStringArray = []
	for backtrace in backtraces:
		for i in range(1, backtrace.get_frame_count()):
			var file := backtrace.get_frame_file(i)
			if file.begins_with("res://addons/godot_marl/"):
				break
			var place := [backtrace.get_frame_function(i), file, backtrace.get_frame_line(i)]
			callers.append("%s() at %s:%d" % place)
	return ", ".join(callers)
