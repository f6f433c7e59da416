extends "res://walker.gd"
## An agent in a game that a person starts: the environment variable ADDRESS is the bridge's.

@export var bridge: MarlBridge


func _enter_tree() -> void:
	bridge.address = OS.get_environment("ADDRESS")
