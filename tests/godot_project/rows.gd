extends Node
## Makes agents in code before the first frame, as the environment variable ROWS says: "mask 3" are
## three of rower_mask.gd.


func _ready() -> void:
	var words := OS.get_environment("ROWS").split(" ")
	var script: GDScript = load("res://rower_%s.gd" % words[0])
	for i in words[1].to_int():
		var rower: Node = script.new()
		rower.name = "Rower"
		add_child(rower, true)
