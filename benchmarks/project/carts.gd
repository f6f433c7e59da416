class_name Carts
extends Node
## The root of the benchmark's scene: adds the carts.
##
## `godot-marl bench` writes a scene for each of its cases, with these properties set.

## How many carts there are.
@export var agents := 1
## How many numbers an observation has, at least 4.
@export var numbers := 4
## Whether an observation is an image instead.
@export var pictures := false
## Whether an episode ends when the pole has fallen; see [member CartPole.falls].
@export var falls := true


func _enter_tree() -> void:
	for i in agents:
		var cart: CartPole
		if pictures:
			cart = PictureCart.new()
		else:
			var number_cart := NumberCart.new()
			number_cart.numbers = numbers
			cart = number_cart
		cart.name = "Cart%d" % i
		cart.falls = falls
		add_child(cart)
