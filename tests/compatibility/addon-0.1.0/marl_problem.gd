class_name MarlProblem
extends RefCounted
## What went wrong, in the parts that an error message needs (protocol, clauses 2.7 and 8.1).

## One of the words of clause 8.1.
var code := ""
## One sentence that says what is wrong.
var what := ""
## The node path and method that it is about.
var where := ""
## What would have been right.
var expected := ""
## What was found instead.
var got := ""
## What the author of the scene can do now.
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


## The problem that [MarlLogger] has found.
static func of_script_errors(script_errors: Array[Dictionary]) -> MarlProblem:
	var first := script_errors[0]
	var place := "%s:%d, in %s()" % [first["file"], first["line"], first["function"]]
	for script_error in script_errors:
		if script_error == first and script_error["callers"]:
			place += ", called by %s" % script_error["callers"]
		script_error.erase("callers")
	var count := script_errors.size()
	return MarlProblem.new(
		"script",
		"A script of the game failed: %s" % first["message"],
		place,
		"",
		"%d errors, of which this was the first" % count if count > 1 else "",
		"Mend the script."
	)


## A method of an agent that answered something of the wrong type or size.
static func of_answer(
	answer_code: String,
	agent: String,
	path: String,
	method: String,
	answer_expected: String,
	answer: Variant
) -> MarlProblem:
	return MarlProblem.new(
		answer_code,
		"Agent %s: %s() answered something of the wrong type or size." % [agent, method],
		"%s.%s()" % [path, method],
		answer_expected,
		describe(answer),
		"Give %s() its return type, and a return on every path." % method
	)


## The members of an error message, clause 2.7: of the script errors, or else of [param problem].
static func members_of(
	problem: MarlProblem, script_errors: Array[Dictionary], request: int
) -> Dictionary:
	var told := of_script_errors(script_errors) if script_errors else problem
	var members := told.to_dictionary()
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


## A value for people: its type, its size, and its beginning.
static func describe(value: Variant) -> String:
	var text := str(value)
	if text.length() > 100:
		text = text.left(100) + "..."
	if value is Array or typeof(value) >= TYPE_PACKED_BYTE_ARRAY:
		return "%s of size %d: %s" % [type_string(typeof(value)), Array(value).size(), text]
	if value == null:
		return "null (a script error, or a path without return)"
	return "%s: %s" % [type_string(typeof(value)), text]
