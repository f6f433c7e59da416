extends Node
## The keys 1 to 7 choose a column. Each key press is one move.
##
## Without a bridge two people share the keyboard: each key press is a move at once, and when the
## game is over the next key begins another one. With a bridge, a key press is kept until the bridge
## requests the action or a player has moved. It also gets keys while the tree is paused:
## that is how a window waits for a person.

const ConnectFour := preload("res://connect_four.gd")

var _column := -1
# The number of the next move when the key was pressed.
var _awaited := 0

@onready var _game: ConnectFour = get_parent()


func _unhandled_key_input(event: InputEvent) -> void:
	var key := event as InputEventKey
	if key == null or not key.pressed or key.echo:
		return
	if not _game.is_driven and _game.is_over:
		_game.start_game()
		return
	# By its label, or else by its place: French keyboards have the digits on shifted keys.
	var column: int = column_of(key.keycode)
	if column < 0:
		column = column_of(key.physical_keycode)
	if column < 0 or _game.height_of(column) == ConnectFour.ROWS:
		return
	if _game.is_driven:
		_column = column
		_awaited = _game.disc_count
	else:
		_game.play(_game.turn, column)


## The column that was chosen for the next move, returned only once; -1 if there is none.
func take_column() -> int:
	var column: int = _column if _awaited == _game.disc_count else -1
	_column = -1
	return column


## The column of a key of the keyboard or its number pad; -1 for any other key.
static func column_of(key: Key) -> int:
	if key >= KEY_1 and key <= KEY_7:
		return key - KEY_1
	if key >= KEY_KP_1 and key <= KEY_KP_7:
		return key - KEY_KP_1
	return -1
