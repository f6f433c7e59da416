extends RefCounted
## Which agent has the turn, in scenes whose agents take turns.

const _MarlAgent := preload("res://addons/godot_marl/agents/marl_agent.gd")
const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")


## True while agents live and none of them has the turn. Calls is_done once more.
static func is_between(agents: Array[_MarlAgent]) -> bool:
	var is_any_alive := false
	for agent in agents:
		if agent and agent.live and not agent.is_gone() and not agent.is_over():
			is_any_alive = true
			if agent.is_turn():
				return false
	return is_any_alive


## The problem that not exactly one of [param agents] has the turn; [param turns] are those that
## have it.
static func problem_of(agents: Array[_MarlAgent], turns: Array[_MarlAgent]) -> _MarlProblem:
	var paths: PackedStringArray = []
	for agent in turns if turns else agents:
		if agent and agent.live:
			paths.append(agent.path)
	return _MarlProblem.new(
		"turn",
		"Several agents have the turn." if turns else "No agent has the turn.",
		".is_turn(), ".join(paths) + ".is_turn()",
		"exactly one live agent that answers true" + ("" if turns else " within turn_timeout"),
		"true from %d of them" % turns.size(),
		"Let the scene's rules give the turn to one agent until the episode is over."
	)
