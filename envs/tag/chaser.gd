extends TagMover
## One of the three chasers: slower than the runner, but they are three.

## The reward of all chasers when one of them catches the runner.
const CATCH_REWARD := 1.0
## The reward for coming nearer to the runner by one [constant TagMover.LENGTH]. Its sum depends
## only on the distances at the episode's beginning and end: running to and fro earns nothing.
const APPROACH_REWARD := 0.25

# Below zero before the first observation.
var _distance := -1.0
var _approach := 0.0


## Its own motion, its surroundings, the runner, the two fellows (the nearer one first), and the
## time left.
func get_observation() -> PackedFloat32Array:
	var seen := see_surroundings()
	var to_runner := arena.runner.position - position
	var relative := (arena.runner.velocity - velocity) / SPEED
	seen.append_array(
		[to_runner.x / LENGTH, to_runner.y / LENGTH, relative.x, relative.y] as Array[float]
	)
	for fellow in arena.chasers_by_distance(position):
		if fellow != self:
			seen.append((fellow.position.x - position.x) / LENGTH)
			seen.append((fellow.position.y - position.y) / LENGTH)
	seen.append(arena.time_left())
	# The approach since the last observation: the bridge calls this exactly once a step, and then
	# calls get_reward.
	var distance := to_runner.length()
	_approach = (_distance - distance) / LENGTH if _distance >= 0.0 else 0.0
	_distance = distance
	return seen


## The reward for a catch, the same for all chasers, and for how much nearer this one has come.
func get_reward() -> float:
	var reward := APPROACH_REWARD * _approach
	return reward + CATCH_REWARD if arena.is_caught() else reward


## Starts at a random place, and has no earlier distance yet.
func reset() -> void:
	super()
	_distance = -1.0


## A box of 21 float32 numbers.
func get_observation_space() -> Dictionary:
	var bounds := surroundings_bounds()
	for bound: float in [2.0, 1.0, 2.0, 2.0, 2.0, 1.0, 2.0, 1.0]:
		bounds[0].append(-bound)
		bounds[1].append(bound)
	bounds[0].append(0.0)
	bounds[1].append(1.0)
	return MarlSpace.box(bounds[0], bounds[1])


## All chasers share this policy.
func get_policy_name() -> String:
	return "chaser"
