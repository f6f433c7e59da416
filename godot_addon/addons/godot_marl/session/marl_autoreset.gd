extends RefCounted
## Autoreset: resets arenas within the step that ends their episodes (protocol, clauses 5.4, 5.5 and
## 6.5).

const _MarlArena := preload("res://addons/godot_marl/arena/marl_arena.gd")
const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")
const _MarlReply := preload("res://addons/godot_marl/protocol/marl_reply.gd")
const _MarlStepLayout := preload("res://addons/godot_marl/protocol/marl_step_layout.gd")

## How many physics frames pass between a reset and the first observation.
var settle_frames := 0

var _arenas: Array[_MarlArena] = []
var _options: Array[Dictionary] = []
var _reset_orders: PackedByteArray = []
var _seeds: PackedInt64Array = []
# By arena: the seeds of the resets that wait for the next step, because they need settle frames.
var _due: Dictionary[int, int] = {}
# By arena: the resets that happened in this step.
var _settling: Dictionary[int, bool] = {}
# By arena: the episodes that began since the last consume_begun().
var _begun: Dictionary[int, bool] = {}
var _next_reply := _MarlReply.new()


## Resets some of [param arenas].
func _init(arenas: Array[_MarlArena]) -> void:
	_arenas = arenas
	_options.resize(arenas.size())


## Remembers the options of an arena's last reset, which also apply to its autoresets.
func remember(arena: int, options: Dictionary) -> void:
	_options[arena] = options
	_due.erase(arena)
	_settling.erase(arena)
	_begun[arena] = true


## The arenas in which an episode began since the last call.
func consume_begun() -> PackedInt32Array:
	if _begun.is_empty():
		return []
	var begun := PackedInt32Array(_begun.keys())
	_begun.clear()
	return begun


## Begins a step with the reset orders and seeds of its request; both may be empty.
func begin_step(reset_orders: PackedByteArray, seeds: PackedInt64Array) -> void:
	_reset_orders = reset_orders
	_seeds = seeds


## True if the reply holds the first observations of an episode of [param arena].
func is_first_of(arena: int) -> bool:
	return _settling.has(arena)


## True if some arena waits for its reset or for its settle frames.
func is_settling() -> bool:
	return not (_due.is_empty() and _settling.is_empty())


## Resets the arenas that are due, as soon as the step has as many frames left as they need.
func begin_due(frames_left: int) -> _MarlProblem:
	if _due.is_empty() or frames_left != settle_frames:
		return null
	for arena in _due:
		var problem := _begin(arena, _due[arena])
		if problem:
			return problem
		_settling[arena] = true
	_due.clear()
	return null


## Ends a step: resets the arenas whose episodes are over, and adds the encoded [param reply] to
## [param into]. [param candidates] are the arenas in which agents ended.
func finish(
	reply: _MarlReply,
	candidates: PackedInt32Array,
	request: int,
	frames: int,
	into: Array[PackedByteArray]
) -> _MarlProblem:
	_settling.clear()
	var over := _find_over(candidates)
	if over.is_empty() or settle_frames > 0:
		for i in over:
			_due[i] = _seeds[i]
		into.append(reply.encode(request, frames))
		return null
	var was_reset := PackedByteArray()
	was_reset.resize(_arenas.size())
	_next_reply.clear()
	for i in over:
		was_reset[i] = 1
		var problem := _begin(i, _seeds[i])
		if problem:
			return problem
		problem = _arenas[i].observe(_next_reply, true)
		if problem:
			return problem
	into.append(reply.encode(request, frames, was_reset, _next_reply))
	return null


func _begin(arena: int, episode_seed: int) -> _MarlProblem:
	_begun[arena] = true
	# All arenas share the global generator, so it is seeded for a single arena only.
	if _arenas.size() == 1:
		seed(episode_seed)
	return _arenas[arena].begin(episode_seed, _options[arena])


func _find_over(candidates: PackedInt32Array) -> PackedInt32Array:
	var over: PackedInt32Array = []
	if _reset_orders.is_empty():
		return over
	for i in candidates:
		if (
			_reset_orders[i] == _MarlStepLayout._ResetOrder.RESET_IF_OVER
			and not _arenas[i].is_alive()
		):
			# An arena may be a candidate twice, but is reset once.
			_reset_orders[i] = _MarlStepLayout._ResetOrder.RESET
	var index := _reset_orders.find(_MarlStepLayout._ResetOrder.RESET)
	while index >= 0:
		over.append(index)
		index = _reset_orders.find(_MarlStepLayout._ResetOrder.RESET, index + 1)
	return over
