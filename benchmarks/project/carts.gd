extends Node
## The root of the benchmark's arena: as many carts as the environment variables say.

## How many agents the arena has.
@export var agents := 1
## How many numbers an observation has.
@export var numbers := 4
## Whether an observation is a picture of 84 x 84 x 3 bytes instead.
@export var images := false


func _enter_tree() -> void:
	for i in agents:
		var cart := Cart.new()
		cart.name = "Cart%d" % i
		cart.numbers = numbers
		add_child(cart)
