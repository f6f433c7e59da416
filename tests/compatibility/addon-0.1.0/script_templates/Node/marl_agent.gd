# meta-name: MARL Agent
# meta-description: An agent that Python drives through MarlBridge, with the five methods it needs.
extends _BASE_

# The agent's own state, to be replaced by yours.
var _steps := 0


## Does what Python decided. It is called in every physics frame of a step, before
## _physics_process. Discrete(2) arrives as [0] or [1], a Box of two numbers as [2.3, 3.4].
func apply_action(_action: Array) -> void:
	pass


## What the agent sees: as many numbers as get_observation_space() says. It is called once a step.
func get_observation() -> Array:
	_steps += 1
	return [float(_steps)]


## What the last step earned. It is called once a step, after get_observation().
func get_reward() -> float:
	return 0.0


## Puts the agent back to its start. When this returns, all must be in place: do not await here.
func reset() -> void:
	_steps = 0


## True when the agent's episode is over: it won, lost, or fell.
func is_done() -> bool:
	return false


## What get_observation() answers: here one number from 0 upwards.
func get_observation_space() -> Dictionary:
	return MarlSpace.box([0.0], [INF])


## What apply_action() understands: here one of two choices.
func get_action_space() -> Dictionary:
	return MarlSpace.discrete(2)


## True when time is up although nothing was won or lost. Leave it out if there is no time limit.
func is_truncated() -> bool:
	return _steps >= 1000
