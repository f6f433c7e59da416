extends "res://rower_plain.gd"
## Tells something in its info, now and then.


func get_info() -> Dictionary:
	if steps % 3 == 2:
		return {}
	return {"place": place, "text": str(steps), "is_even": steps % 2 == 0, "steps": steps}
