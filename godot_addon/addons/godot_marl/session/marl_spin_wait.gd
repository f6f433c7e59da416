extends RefCounted
## Decides whether to spin or to sleep while the game waits for Python.
##
## Sleeping and waking up takes about 0.1 ms, longer than many a step, so spinning is faster. But if
## Python takes longer, or another process needs the processor, spinning takes it from them: after
## each failed spin, more of the following waits sleep at once.

const _SPIN_USEC := 300
# If two polls are this far apart, another process had the processor.
const _LONG_GAP_USEC := 100
const _LONGEST_BACKOFF := 256

var _begin := 0
var _last := 0
var _is_spinning := false
var _backoff := 0
var _waits_to_skip := 0


## Begins a wait.
func begin() -> void:
	_begin = Time.get_ticks_usec()
	_last = _begin
	_is_spinning = _waits_to_skip == 0
	if not _is_spinning:
		_waits_to_skip -= 1


## How long the wait has lasted, in microseconds.
func get_waited_usec() -> int:
	return Time.get_ticks_usec() - _begin


## After a poll without a message: true to poll again at once, false to sleep.
func should_spin() -> bool:
	if not _is_spinning:
		return false
	var now := Time.get_ticks_usec()
	if now - _begin > _SPIN_USEC or now - _last > _LONG_GAP_USEC:
		_is_spinning = false
		_backoff = mini(2 * _backoff + 1, _LONGEST_BACKOFF)
		_waits_to_skip = _backoff
	_last = now
	return _is_spinning


## Ends a wait.
func end() -> void:
	if _is_spinning:
		_backoff = 0
