extends "res://check_agent.gd"
## Seeds its generator by chance.


func reset() -> void:
	super()
	rng.randomize()
