extends Node3D
## The root of CartPole's arena: it returns the state of the whole arena, which does not depend on
## the step before as an agent's observation does.

## The room that the arena needs beside others in one world, in metres: the carts stand in a row
## along x, and the episode of each ends before it reaches the end of this room.
const SIZE := Vector3(100.0, 20.0, 120.0)

var _carts: Array[CartPole] = []


func _ready() -> void:
	for child: Node in get_children():
		if child is CartPole:
			_carts.append(child as CartPole)


## Lets copies of the scene stand side by side in one world ([code]layout="shared"[/code]).
func get_arena_size() -> Vector3:
	return SIZE


## For each cart in turn: its position and velocity along the track, the pole's angle and angular
## velocity.
func get_state() -> Array:
	var state: Array = []
	for cart: CartPole in _carts:
		state.append_array(cart.get_motion())
	return state


## Metres, metres per second, radians, radians per second for each cart. At most 47 m/s and 5 rad/s
## were seen.
func get_state_space() -> Dictionary:
	var low: Array = []
	var high: Array = []
	for _cart: CartPole in _carts:
		low.append_array([-48.0, -100.0, -1.5, -25.0])
		high.append_array([48.0, 100.0, 1.5, 25.0])
	return MarlSpace.box(low, high)
