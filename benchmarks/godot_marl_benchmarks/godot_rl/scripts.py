"""The scripts that connect our carts to the addon of Godot RL Agents.

They parse only beside that addon, so they are written into the temporary copy of the benchmark's project.
"""

CONTROLLER = """extends AIController2D

var cart: CartPole
var picture := false


func get_obs() -> Dictionary:
	if picture:
		return {"camera_2d": (cart as PictureCart).get_observation().hex_encode()}
	return {"obs": (cart as NumberCart).get_observation()}


func get_obs_space() -> Dictionary:
	if picture:
		return {"camera_2d": {"size": [84, 84, 3], "space": "box"}}
	return {"obs": {"size": [(cart as NumberCart).numbers], "space": "box"}}


func get_reward() -> float:
	return cart.get_reward()


func get_action_space() -> Dictionary:
	return {"push": {"size": 2, "action_type": "discrete"}}


func set_action(action: Variant) -> void:
	cart.apply_action([action["push"]])


func _physics_process(_delta: float) -> void:
	if needs_reset:
		reset()
		cart.reset()
	elif cart.is_done() or cart.is_truncated():
		done = true
		cart.reset()
"""

CARTS = """extends Carts

const Controller := preload("res://rival_controller.gd")


func _enter_tree() -> void:
	super()
	for child: Node in get_children():
		var cart := child as CartPole
		if cart:
			var controller := Controller.new()
			controller.cart = cart
			controller.picture = cart is PictureCart
			cart.add_child(controller)
"""

# Sync runs before the carts, as our bridge does, so that it observes each cart before the frame moves it.
SCENE = """[gd_scene load_steps=3 format=3]

[ext_resource type="Script" path="res://rival_carts.gd" id="1_carts"]
[ext_resource type="Script" path="res://addons/godot_rl_agents/sync.gd" id="2_sync"]

[node name="Carts" type="Node"]
script = ExtResource("1_carts")

[node name="Sync" type="Node" parent="."]
script = ExtResource("2_sync")
action_repeat = 1
"""
