extends RigidBody3D
## Remembers when physics has moved it.

const CallLog := preload("res://call_log.gd")


func _integrate_forces(_state: PhysicsDirectBodyState3D) -> void:
	(get_parent() as CallLog).calls.append("physics")
