extends Node3D
## The root of Connect Four's arena: the board and the rules.
##
## The rules use integers only. The discs of a player are the bits of one number: bit
## [code]7 * column + height[/code], where height 0 is the lowest hole. A seventh bit above each
## column stays 0, so that shifted bits of one column never meet those of the next.
## [br][br]
## [code]BoardLook[/code] shows the game, and [code]Keyboard[/code] reads the keys of people.

## How many columns the board has.
const COLUMNS := 7
## How many rows the board has.
const ROWS := 6
## How many discs the board holds.
const HOLES := COLUMNS * ROWS
## How many numbers describe the board: two for every hole.
const BOARD_SIZE := 2 * HOLES
## How many numbers an observation has: the board, and three for every column.
const VIEW_SIZE := BOARD_SIZE + 3 * COLUMNS

## The number of bits of one column.
const COLUMN_BITS := 7
# From one disc of a line to the next: upright, to the right, and both diagonals.
const _DIRECTIONS: Array[int] = [1, 7, 6, 8]

## The player who has the turn: 0 or 1. When the game is over, the one who made the last move.
var turn := 0
## How many discs are in the board.
var disc_count := 0
## Whether the game has ended.
var is_over := false
## The player who won, or -1.
var winner := -1
## Whether the bridge drives the game; people then play only through the bridge.
var is_driven := false

var _discs := PackedInt64Array([0, 0])
var _heights := PackedByteArray()
var _open_columns := PackedByteArray()
# The board as each player sees it; the bridge reads both after every move.
var _views: Array[PackedFloat32Array] = []
var _rewards := PackedFloat64Array([0.0, 0.0])


func _init() -> void:
	start_game()


## Empties the board. The bridge calls it at the beginning of each episode.
func reset_arena() -> void:
	is_driven = true
	start_game()


## Empties the board; player 0 begins.
func start_game() -> void:
	turn = 0
	disc_count = 0
	is_over = false
	winner = -1
	_discs.fill(0)
	_rewards.fill(0.0)
	_heights.resize(COLUMNS)
	_heights.fill(0)
	_open_columns.resize(COLUMNS)
	_open_columns.fill(1)
	_views.clear()
	for player: int in 2:
		var view := PackedFloat32Array()
		view.resize(VIEW_SIZE)
		_views.append(view)


## Drops a disc of [param player] into [param column]. Nothing happens when it is not the player's
## turn. A player who chooses a full column loses.
func play(player: int, column: int) -> void:
	if is_over or player != turn:
		return
	if _heights[column] == ROWS:
		is_over = true
		_rewards[player] = -1.0
		return
	_drop(player, column)
	if find_line(player):
		is_over = true
		winner = player
		_rewards[player] = 1.0
		_rewards[1 - player] = -1.0
	elif disc_count == HOLES:
		is_over = true
	else:
		turn = 1 - player


## The discs of [param player] that stand in lines of four or more, as bits; 0 if there is none.
func find_line(player: int) -> int:
	return _line_in(_discs[player])


func _line_in(discs: int) -> int:
	var line := 0
	for step: int in _DIRECTIONS:
		var pairs: int = discs & (discs >> step)
		var fours: int = pairs & (pairs >> (2 * step))
		line |= fours | (fours << step) | (fours << (2 * step)) | (fours << (3 * step))
	return line


## The discs of [param player], as bits.
func discs_of(player: int) -> int:
	return _discs[player]


## How many discs are in [param column].
func height_of(column: int) -> int:
	return _heights[column]


## The observation of [param player]. For each hole, row by row from the top: whether the player's
## own disc is there, and whether the other's is. Then for each column: whether an own disc there
## would win, whether the other's would, and whether the other's would on top of it.
func view_of(player: int) -> PackedFloat32Array:
	return _views[player]


## The reward of [param player] for the last move.
func reward_of(player: int) -> float:
	return _rewards[player]


## 1 for each column, or 0 if it is full.
func get_open_columns() -> PackedByteArray:
	return _open_columns


## The board as player 0 sees it, and the player who has the turn.
func get_state() -> PackedFloat32Array:
	var state: PackedFloat32Array = _views[0].slice(0, BOARD_SIZE)
	state.append(turn)
	return state


## Zeros and ones.
func get_state_space() -> Dictionary:
	return MarlSpace.box_of_shape([BOARD_SIZE + 1], 0.0, 1.0)


func _drop(player: int, column: int) -> void:
	var height: int = _heights[column]
	_discs[player] |= 1 << (COLUMN_BITS * column + height)
	_heights[column] = height + 1
	if height + 1 == ROWS:
		_open_columns[column] = 0
	disc_count += 1
	var hole: int = 2 * ((ROWS - 1 - height) * COLUMNS + column)
	_views[player][hole] = 1.0
	_views[1 - player][hole + 1] = 1.0
	for viewer: int in 2:
		_look_ahead(viewer)


# Looks one move ahead, so that a small network need not learn the 69 lines before it can play.
func _look_ahead(player: int) -> void:
	var own: int = _discs[player]
	var other: int = _discs[1 - player]
	for column: int in COLUMNS:
		var at: int = BOARD_SIZE + column
		var landing: int = 1 << (COLUMN_BITS * column + _heights[column])
		var is_open: bool = _heights[column] < ROWS
		var has_top: bool = _heights[column] + 1 < ROWS
		_views[player][at] = float(is_open and _line_in(own | landing) != 0)
		_views[player][at + COLUMNS] = float(is_open and _line_in(other | landing) != 0)
		_views[player][at + 2 * COLUMNS] = float(has_top and _line_in(other | (landing << 1)) != 0)
