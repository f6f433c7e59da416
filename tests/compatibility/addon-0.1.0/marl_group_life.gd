class_name MarlGroupLife
extends RefCounted
## Which agents of a [MarlGroup] live, and which of them end in a step.
##
## Nothing here loops over the agents: it looks at those alone that end.

## By agent: 1 while its episode goes on.
var living: PackedByteArray = []
## The same as pairs: where agents that live begin, and where they end.
var runs: PackedInt32Array = []
## What is_truncated answered last.
var truncated: PackedByteArray = []

# Who ended by then is not looked at again.
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


## True if a step's answers of is_done and is_truncated let anybody end.
func has_endings(done: PackedByteArray, cut: PackedByteArray) -> bool:
	return done != _done or cut != truncated


## The flags of a step in which some agents end. [member runs] still has them, for what they answer
## last, until [method bury].
func end(done: PackedByteArray, cut: PackedByteArray) -> PackedByteArray:
	# Copies: the scene may go on writing into what it answered.
	_done = done.duplicate()
	truncated = cut.duplicate()
	var flags := living.duplicate()
	_raise(flags, done, MarlReply.Flag.TERMINATED)
	_raise(flags, cut, MarlReply.Flag.TRUNCATED)
	return flags


## Takes those who have ended out of [member runs]. True if somebody is left.
func bury() -> bool:
	runs = MarlGroupPlan.runs_of(living)
	return not runs.is_empty()


## The flags of a group that has left: those who lived end by it.
func leave() -> PackedByteArray:
	var flags := living.duplicate()
	for i in flags.size():
		flags[i] *= MarlReply.Flag.TERMINATED | MarlReply.Flag.LEFT
	return flags


# Raises [param flag] for those who end now, for whom [param marks] has a 1.
func _raise(flags: PackedByteArray, marks: PackedByteArray, flag: int) -> void:
	var index := marks.find(1)
	while index >= 0:
		if flags[index]:
			flags[index] |= flag
			living[index] = 0
		index = marks.find(1, index + 1)
