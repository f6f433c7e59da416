extends RefCounted
## The state of an arena, if its root has get_state.

const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")
const _MarlReply := preload("res://addons/godot_marl/protocol/marl_reply.gd")
const _MarlSpace := preload("res://addons/godot_marl/marl_space.gd")
const _MarlSpaceLayout := preload("res://addons/godot_marl/protocol/marl_space_layout.gd")
const _MarlSpaceRegistry := preload(
	"res://addons/godot_marl/protocol/spaces/marl_space_registry.gd"
)

## Its space, or an empty Dictionary.
var space := {}

var _layout: _MarlSpaceLayout


## True if the root has get_state.
func exists() -> bool:
	return _layout != null


## Finds the space of the state of [param root]: returns the problem, or null.
func discover(root: Node) -> _MarlProblem:
	if not root.has_method("get_state"):
		return null
	var answer: Variant = {}
	if root.has_method("get_state_space"):
		answer = root.call("get_state_space")
	else:
		answer = _MarlSpace.like(root.call("get_state"))
	var problem := "a Dictionary was expected"
	if answer is Dictionary:
		problem = _MarlSpaceRegistry.problem_of(answer as Dictionary)
	if problem:
		return _MarlProblem.new(
			"space",
			"get_state_space() answered something that is not a space.",
			"%s.get_state_space()" % root.get_path(),
			"a space",
			problem,
			"Build it with MarlSpace, for example MarlSpace.box([-1.0], [1.0])."
		)
	space = answer
	_layout = _MarlSpaceRegistry.layout_of(space)
	return null


## Adds the state of [param root].
func observe(root: Node, reply: _MarlReply) -> _MarlProblem:
	if _layout == null:
		return null
	var problem := reply.observations.append(_layout, root.call("get_state"))
	if problem.is_empty():
		return null
	return _MarlProblem.new(
		"state",
		"get_state() answered something that is not in its space.",
		"%s.get_state()" % root.get_path(),
		problem[0],
		problem[1],
		"Answer as many numbers as get_state_space() says, each a number."
	)


## Adds zeros for an arena that has no part in a reply.
func skip(reply: _MarlReply) -> void:
	if _layout:
		reply.observations.skip(_layout)
