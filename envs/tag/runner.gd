extends TagMover
## The runner: faster than the chasers, and alone.

## The reward for each step that it survives.
const SURVIVAL_REWARD := 0.01
## The reward for being caught.
const CAUGHT_REWARD := -1.0


## Its own motion, its surroundings, the three chasers (the nearest one first), and the time left.
func get_observation() -> PackedFloat32Array:
	var seen := see_surroundings()
	for chaser in arena.chasers_by_distance(position):
		seen.append((chaser.position.x - position.x) / LENGTH)
		seen.append((chaser.position.y - position.y) / LENGTH)
		seen.append((chaser.velocity.x - velocity.x) / SPEED)
		seen.append((chaser.velocity.y - velocity.y) / SPEED)
	seen.append(arena.time_left())
	return seen


## A small reward for every step survived: the sum over an episode shows how long it was.
func get_reward() -> float:
	return CAUGHT_REWARD if arena.is_caught() else SURVIVAL_REWARD


## A box of 25 float32 numbers.
func get_observation_space() -> Dictionary:
	var bounds := surroundings_bounds()
	for bound: float in [2.0, 1.0, 2.0, 2.0, 2.0, 1.0, 2.0, 2.0, 2.0, 1.0, 2.0, 2.0]:
		bounds[0].append(-bound)
		bounds[1].append(bound)
	bounds[0].append(0.0)
	bounds[1].append(1.0)
	return MarlSpace.box(bounds[0], bounds[1])


## Only the runner has this policy.
func get_policy_name() -> String:
	return "runner"
