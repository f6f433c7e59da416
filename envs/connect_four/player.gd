extends Node
## An agent of Connect Four: one of the two players, who take turns.
##
## An agent needs no base class: the bridge finds it by its methods. All rules are in its parent,
## [code]connect_four.gd[/code]. Nothing is random, so it needs no seed.

const ConnectFour := preload("res://connect_four.gd")
const Keyboard := preload("res://keyboard.gd")

## The number of the player: 0 begins.
@export_range(0, 1) var index := 0

@onready var _game: ConnectFour = get_parent()
@onready var _keyboard: Keyboard = $"../Keyboard"


## Drops a disc into column [code]action[0][/code]. The bridge calls it in every physics frame of a
## step: the first call is the move, after it the other player has the turn.
func apply_action(action: Array) -> void:
	_game.play(index, action[0] as int)


## Two numbers for each of the 42 holes and three for each column; see [code]view_of[/code] of the
## game.
func get_observation() -> PackedFloat32Array:
	return _game.view_of(index)


## One for a win, minus one for a loss or a disc for a full column; 0 in all other steps.
func get_reward() -> float:
	return _game.reward_of(index)


## Nothing to do: the game empties the board before its players are reset.
func reset() -> void:
	pass


## Whether the game is over; it ends for both at once.
func is_done() -> bool:
	return _game.is_over


## Whether this player moves next.
func is_turn() -> bool:
	return _game.turn == index


## 1 for each column, or 0 if it is full.
func get_action_mask() -> PackedByteArray:
	return _game.get_open_columns()


## Zeros and ones.
func get_observation_space() -> Dictionary:
	return MarlSpace.box_of_shape([ConnectFour.VIEW_SIZE], 0.0, 1.0)


## One action for each column, from the left.
func get_action_space() -> Dictionary:
	return MarlSpace.discrete(ConnectFour.COLUMNS)


## Both players learn together: each sees the board from its own side.
func get_policy_name() -> String:
	return "player"


## The column whose key was pressed, or an empty Array. The key of a full column does nothing.
func get_human_action() -> Array:
	var column: int = _keyboard.take_column()
	return [] if column < 0 else [column]
