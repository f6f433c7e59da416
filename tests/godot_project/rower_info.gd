extends "res://rower_plain.gd"
## Has an info in some steps.


func get_info() -> Dictionary:
	if steps % 3 == 2:
		return {}
	return {"place": place, "text": str(steps), "is_even": steps % 2 == 0, "steps": steps}
