extends RefCounted
## The agents of an arena that people play. This one has none: see _MarlHumanPlayers.

const _MarlAgent := preload("res://addons/godot_marl/agents/marl_agent.gd")
const _MarlAgentSlot := preload("res://addons/godot_marl/agents/marl_agent_slot.gd")
const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")

## True if a person has not decided yet.
var awaits_action := false


## Reads human_agents of Python's [param _configuration]. [param _found] are the agents that exist.
func declare(
	_configuration: Dictionary, _found: Array[_MarlAgent], _slots: Array[_MarlAgentSlot]
) -> _MarlProblem:
	return null


## True if people play no agent of this arena.
func is_empty() -> bool:
	return true


## The nodes of [param _agents] that people play, and the nodes above them up to [param _root].
func nodes_of(_agents: Array[_MarlAgent], _root: Node) -> Array[Node]:
	return []


## Begins a step: discards the actions of the last one.
func begin_step() -> void:
	pass


## Calls get_human_action of the agents that are to act and puts the results into [param _actions],
## where this arena begins at [param _first]. [member awaits_action] is true until each has an
## action in this step; the last action stays in effect until there is another.
func ask(_agents: Array[_MarlAgent], _actions: Array, _first: int) -> _MarlProblem:
	return null


## Adds to [param _infos] the people's actions in the step's last frame.
func add_infos(_infos: Dictionary) -> void:
	pass
