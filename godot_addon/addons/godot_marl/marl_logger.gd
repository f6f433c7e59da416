class_name MarlLogger
extends Logger
## Collects the script errors of the whole game, so that none of them is taken for a zero.

const _MOST := 20

var _errors: Array[Dictionary] = []
var _mutex := Mutex.new()


## The script errors since the last call, as clause 2.7 describes them.
func take() -> Array[Dictionary]:
	_mutex.lock()
	var errors := _errors
	_errors = []
	_mutex.unlock()
	return errors


## True if there are script errors to take.
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
	_script_backtraces: Array[ScriptBacktrace]
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
				}
			)
		)
	_mutex.unlock()
