class_name MarlAutoreset
extends RefCounted
## Resets the arenas whose episodes are over within a step, where Python asks for it (protocol,
## clauses 5.4, 5.5 and 6.5).

## How many physics frames pass between a reset and the first observation.
var settle_frames := 0

var _arenas: Array[MarlArena] = []
var _options: Array[Dictionary] = []
var _orders: PackedByteArray = []
var _seeds: PackedInt64Array = []
# By arena: the seeds of the resets that the next step makes, because they need frames.
var _due: Dictionary[int, int] = {}
# By arena: the resets that this step has made.
var _settling: Dictionary[int, bool] = {}
# By arena: the episodes that have begun since take_begun.
var _begun: Dictionary[int, bool] = {}
var _next := MarlReply.new()


## For [param arenas].
func _init(arenas: Array[MarlArena]) -> void:
	_arenas = arenas
	_options.resize(arenas.size())


## Remembers the options of an arena's last reset, which hold for those that follow by themselves.
func remember(arena: int, options: Dictionary) -> void:
	_options[arena] = options
	_due.erase(arena)
	_settling.erase(arena)
	_begun[arena] = true


## The arenas in which an episode has begun since the last call.
func take_begun() -> PackedInt32Array:
	if _begun.is_empty():
		return []
	var begun := PackedInt32Array(_begun.keys())
	_begun.clear()
	return begun


## Takes the orders of a step request, none if they are empty, and the seeds.
func begin_step(orders: PackedByteArray, seeds: PackedInt64Array) -> void:
	_orders = orders
	_seeds = seeds


## True if the reply has arenas whose first observations it holds.
func is_first_of(arena: int) -> bool:
	return _settling.has(arena)


## True if some arena is in a reset that takes frames.
func is_settling() -> bool:
	return not (_due.is_empty() and _settling.is_empty())


## Makes the resets that are due, so that as many frames are left of the step as they need.
func begin_due(frames_left: int) -> MarlProblem:
	if _due.is_empty() or frames_left != settle_frames:
		return null
	for arena in _due:
		var problem := _begin(arena, _due[arena])
		if problem:
			return problem
		_settling[arena] = true
	_due.clear()
	return null


## Ends a step whose [param reply] is gathered: resets what is over, which only the arenas
## [param candidates] can be, in which agents ended, and encodes the message into [param into].
func finish(
	reply: MarlReply,
	candidates: PackedInt32Array,
	request: int,
	frames: int,
	into: Array[PackedByteArray]
) -> MarlProblem:
	_settling.clear()
	var over := _find_over(candidates)
	if over.is_empty() or settle_frames > 0:
		for i in over:
			_due[i] = _seeds[i]
		into.append(reply.encode(request, frames))
		return null
	var marks := PackedByteArray()
	marks.resize(_arenas.size())
	_next.clear()
	for i in over:
		marks[i] = 1
		var problem := _begin(i, _seeds[i])
		if problem:
			return problem
		problem = _arenas[i].observe(_next, true)
		if problem:
			return problem
	into.append(reply.encode(request, frames, marks, _next))
	return null


func _begin(arena: int, episode_seed: int) -> MarlProblem:
	_begun[arena] = true
	# The global generator belongs to everyone, so only a single arena may set it.
	if _arenas.size() == 1:
		seed(episode_seed)
	return _arenas[arena].begin(episode_seed, _options[arena])


func _find_over(candidates: PackedInt32Array) -> PackedInt32Array:
	var over: PackedInt32Array = []
	if _orders.is_empty():
		return over
	for i in candidates:
		if _orders[i] == MarlLayout.Order.RESET_IF_OVER and not _arenas[i].is_alive():
			# Once for each arena.
			_orders[i] = MarlLayout.Order.RESET
	var index := _orders.find(MarlLayout.Order.RESET)
	while index >= 0:
		over.append(index)
		index = _orders.find(MarlLayout.Order.RESET, index + 1)
	return over
