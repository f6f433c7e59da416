extends Node
## The root of typists.tscn. It gets the keys of the agent "Root", which is further down.

const Typist := preload("res://typist.gd")

@export var typist: Typist


func _unhandled_key_input(event: InputEvent) -> void:
	typist.take(event)
