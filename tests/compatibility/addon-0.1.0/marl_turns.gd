class_name MarlTurns
extends RefCounted
## Whose turn it is, where the agents of an arena take turns.


## True while agents live, and it is nobody's turn. Asks is_done once more.
static func is_between(agents: Array[MarlAgent]) -> bool:
	var somebody_lives := false
	for agent in agents:
		if agent and agent.live and not agent.is_gone() and not agent.is_over():
			somebody_lives = true
			if agent.is_turn():
				return false
	return somebody_lives


## What is wrong where it is not the turn of exactly one of [param agents]; [param turns] are those
## whose turn it is.
static func problem_of(agents: Array[MarlAgent], turns: Array[MarlAgent]) -> MarlProblem:
	var paths: PackedStringArray = []
	for agent in turns if turns else agents:
		if agent and agent.live:
			paths.append(agent.path)
	return MarlProblem.new(
		"turn",
		"It is the turn of several agents." if turns else "It is nobody's turn.",
		".is_turn(), ".join(paths) + ".is_turn()",
		"exactly one live agent that answers true" + ("" if turns else " within turn_timeout"),
		"true from %d of them" % turns.size(),
		"Let the scene's rules make it the turn of one agent until the episode is over."
	)
