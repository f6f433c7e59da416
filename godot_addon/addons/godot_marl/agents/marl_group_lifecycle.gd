extends RefCounted
## Which agents of a _MarlAgentGroup live, and which of them end in a step.
##
## Nothing here loops over all agents, only over those that end.

const _MarlGroupLayout := preload("res://addons/godot_marl/protocol/marl_group_layout.gd")
const _MarlReply := preload("res://addons/godot_marl/protocol/marl_reply.gd")

## By agent: 1 while its episode goes on.
var living: PackedByteArray = []
## The same as runs: see _MarlGroupLayout.
var runs: PackedInt32Array = []
## What is_truncated returned last.
var truncated: PackedByteArray = []

# What is_done returned last.
var _done: PackedByteArray = []
var _count := 0


## Lets all of [param count] agents live.
func begin(count: int) -> void:
	_count = count
	living.resize(count)
	living.fill(1)
	runs = [0, count]
	_done.resize(count)
	_done.fill(0)
	truncated = _done.duplicate()


## True while all of them live.
func is_whole() -> bool:
	return runs.size() == 2 and runs[1] - runs[0] == _count


## True if what is_done and is_truncated returned has changed, so that agents may have ended.
func has_endings(done: PackedByteArray, cut: PackedByteArray) -> bool:
	return done != _done or cut != truncated


## The flags of a step in which some agents end. [member runs] keeps them for their last
## observation, until [method remove_ended].
func end(done: PackedByteArray, cut: PackedByteArray) -> PackedByteArray:
	# Copies, because the scene may change the arrays that it returned.
	_done = done.duplicate()
	truncated = cut.duplicate()
	var flags := living.duplicate()
	_set_flag(flags, done, _MarlReply._Flag.TERMINATED)
	_set_flag(flags, cut, _MarlReply._Flag.TRUNCATED)
	return flags


## Removes the agents that ended from [member runs]. True if an agent is left.
func remove_ended() -> bool:
	runs = _MarlGroupLayout.runs_of(living)
	return not runs.is_empty()


## The flags of a group that left: its living agents are terminated.
func leave() -> PackedByteArray:
	var flags := living.duplicate()
	for i in flags.size():
		flags[i] *= _MarlReply._Flag.TERMINATED | _MarlReply._Flag.LEFT
	return flags


# Sets [param flag] for the living agents that have a 1 in [param ended].
func _set_flag(flags: PackedByteArray, ended: PackedByteArray, flag: int) -> void:
	var index := ended.find(1)
	while index >= 0:
		if flags[index]:
			flags[index] |= flag
			living[index] = 0
		index = ended.find(1, index + 1)
