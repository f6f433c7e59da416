extends "res://check_agent.gd"
## Its reward grows beyond all numbers.


func get_reward() -> float:
	return 1.0 / float(maxi(0, 5 - steps))
