class_name MarlPatience
extends RefCounted
## Learns whether it pays to stay awake while Python makes up its mind.
##
## To fall asleep and to be woken takes a tenth of a millisecond, more than many a step. But
## where Python takes longer, or another program wants the processor, to stay awake takes it from
## them: then it is tried the less often, the more often it was in vain.

const _AWAKE_USEC := 300
# If there is as much time between two looks, another program had the processor.
const _LONG_TURN_USEC := 100
const _LONGEST_SLUMBER := 256

var _begin := 0
var _last := 0
var _is_awake := false
var _slumber := 0
var _waits_to_sleep := 0


## Begins a wait.
func begin() -> void:
	_begin = Time.get_ticks_usec()
	_last = _begin
	_is_awake = _waits_to_sleep == 0
	if not _is_awake:
		_waits_to_sleep -= 1


## How long the wait has taken, in microseconds.
func get_waited_usec() -> int:
	return Time.get_ticks_usec() - _begin


## After a look that was in vain: whether to look again at once. False: sleep.
func is_awake() -> bool:
	if not _is_awake:
		return false
	var now := Time.get_ticks_usec()
	if now - _begin > _AWAKE_USEC or now - _last > _LONG_TURN_USEC:
		_is_awake = false
		_slumber = mini(2 * _slumber + 1, _LONGEST_SLUMBER)
		_waits_to_sleep = _slumber
	_last = now
	return _is_awake


## Ends a wait.
func end() -> void:
	if _is_awake:
		_slumber = 0
