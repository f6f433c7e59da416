extends Node
## Three players take turns by rules of the root: each plays until its count is used up; one may
## move twice, and one drops out early. "order" is written as player indices.

## Whose turn it is, move by move.
@export var order: PackedInt32Array = [0, 1, 2, 2, 0, 1]
## A player that drops out, and after which move.
@export var drop_out := -1
@export var drop_after := 0
## How many frames pass between two turns.
@export var pause_frames := 0
## A wrong scene: two players at once, or none.
@export var fault := ""

var move := 0
var moves: PackedInt32Array = []
var _frames := 0


func reset_arena() -> void:
	move = 0
	moves = []
	_frames = 0


func get_state() -> Array:
	return [move]


## True if it is the turn of the player with this index.
func has_turn(player: int) -> bool:
	if fault == "two":
		return player < 2
	if fault == "nobody" and move >= 2:
		return false
	return move < order.size() and _frames >= pause_frames and order[move] == player


## A player's move; the bridge calls apply_action in every frame, so only the first one counts.
func play(player: int, action: int) -> void:
	if has_turn(player):
		moves.append(player * 10 + action)
		move += 1
		_frames = 0


func is_out(player: int) -> bool:
	return move >= order.size() or (player == drop_out and move >= drop_after)


func _physics_process(_delta: float) -> void:
	_frames += 1
