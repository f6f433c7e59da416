class_name MarlState
extends RefCounted
## What get_state of an arena's root tells of the whole arena, if it has that method.

## Its space, or an empty Dictionary.
var space := {}

var _plan: MarlPlan


## True if the root tells anything.
func exists() -> bool:
	return _plan != null


## Asks [param root] for the space: the problem, or null.
func discover(root: Node) -> MarlProblem:
	if not root.has_method("get_state"):
		return null
	var answer: Variant = {}
	if root.has_method("get_state_space"):
		answer = root.call("get_state_space")
	else:
		answer = MarlSpace.like(root.call("get_state"))
	var problem := "a Dictionary was expected"
	if answer is Dictionary:
		problem = MarlSpace.problem_of(answer as Dictionary)
	if problem:
		return MarlProblem.new(
			"space",
			"get_state_space() answered no space that crosses the wire.",
			"%s.get_state_space()" % root.get_path(),
			"a space",
			problem,
			"Build it with MarlSpace, for example MarlSpace.box([-1.0], [1.0])."
		)
	space = answer
	_plan = MarlPlan.of(space)
	return null


## Adds what [param root] tells.
func observe(root: Node, reply: MarlReply) -> MarlProblem:
	if _plan == null:
		return null
	var problem := reply.observations.append(_plan, root.call("get_state"))
	if problem.is_empty():
		return null
	return MarlProblem.new(
		"state",
		"get_state() answered something that is not in its space.",
		"%s.get_state()" % root.get_path(),
		problem[0],
		problem[1],
		"Answer as many numbers as get_state_space() says, each a number."
	)


## Adds nothing, of an arena that has no part in a reply.
func skip(reply: MarlReply) -> void:
	if _plan:
		reply.observations.skip(_plan)
