extends RefCounted
## What went wrong, in the parts of an error message (protocol, clauses 2.7 and 8.1).

const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")

## One of the codes of clause 8.1.
var code := ""
## One sentence that says what is wrong.
var what := ""
## The node path and method.
var where := ""
## What was expected.
var expected := ""
## What was found instead.
var got := ""
## What the author of the scene can do.
var remedy := ""


func _init(
	problem_code: String,
	problem_what: String,
	problem_where: String,
	problem_expected: String,
	problem_got: String,
	problem_remedy: String
) -> void:
	code = problem_code
	what = problem_what
	where = problem_where
	expected = problem_expected
	got = problem_got
	remedy = problem_remedy


## The problem with these errors, which _MarlScriptErrors collected.
static func of_script_errors(script_errors: Array[Dictionary]) -> _MarlProblem:
	var first := script_errors[0]
	var place := "%s:%d, in %s()" % [first["file"], first["line"], first["function"]]
	for script_error in script_errors:
		if script_error == first and script_error["callers"]:
			place += ", called by %s" % script_error["callers"]
		script_error.erase("callers")
	var count := script_errors.size()
	return _MarlProblem.new(
		"script",
		"A script of the game failed: %s" % first["message"],
		place,
		"",
		"%d errors, of which this was the first" % count if count > 1 else "",
		"Fix the script."
	)


## The problem that a method of an agent returned a value of the wrong type or size.
static func of_answer(
	answer_code: String,
	agent: String,
	path: String,
	method: String,
	answer_expected: String,
	answer: Variant
) -> _MarlProblem:
	return _MarlProblem.new(
		answer_code,
		"Agent %s: %s() answered something of the wrong type or size." % [agent, method],
		"%s.%s()" % [path, method],
		answer_expected,
		describe(answer),
		"Give %s() its return type, and a return on every path." % method
	)


## The members of an error message, clause 2.7. Script errors come before [param problem].
static func members_of(
	problem: _MarlProblem, script_errors: Array[Dictionary], request: int
) -> Dictionary:
	var reported := of_script_errors(script_errors) if script_errors else problem
	var members := reported.to_dictionary()
	members["request"] = request
	members["script_errors"] = script_errors
	return members


## The problem as members of a control message.
func to_dictionary() -> Dictionary:
	return {
		"code": code,
		"what": what,
		"where": where,
		"expected": expected,
		"got": got,
		"remedy": remedy,
	}


## A value for an error text: its type, its size and its beginning.
static func describe(value: Variant) -> String:
	var text := str(value)
	if text.length() > 100:
		text = text.left(100) + "..."
	if value is Array or typeof(value) >= TYPE_PACKED_BYTE_ARRAY:
		return "%s of size %d: %s" % [type_string(typeof(value)), Array(value).size(), text]
	if value == null:
		return "null (a script error, or a path without return)"
	return "%s: %s" % [type_string(typeof(value)), text]
