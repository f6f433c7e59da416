extends Node
## The root of the benchmark's arena whose carts are all one node.

## How many agents the arena has.
@export var agents := 1


func _enter_tree() -> void:
	var group := CartGroup.new()
	group.name = "Cart"
	group.agents = agents
	add_child(group)
