extends "res://check_agent.gd"
## Fails in mid-episode.


func get_reward() -> float:
	return get_node("Nowhere").get("place") if steps == 4 else 0.0
