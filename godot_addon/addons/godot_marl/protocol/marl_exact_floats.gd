extends RefCounted
## Restores numbers whose last bits Godot's JSON may read wrong (protocol, clause 2.4).

const _DIGITS := "0123456789abcdef"
const _COUNT := 16


## Puts the numbers of [param exact] into their places in [param options]. False if it is not a list
## of paths and numbers, or if a path does not lead to a number.
static func restore(options: Dictionary, exact: Variant) -> bool:
	return exact is Array and (exact as Array).all(_put.bind(options))


static func _put(pair: Variant, options: Dictionary) -> bool:
	if not pair is Array or (pair as Array).size() != 2:
		return false
	var path: Variant = pair[0]
	if not path is Array or (path as Array).is_empty() or not _is_bits(pair[1]):
		return false
	var number := (pair[1] as String).hex_decode().decode_double(0)
	var steps: Array = path
	var last: Variant = steps[-1]
	var holder: Variant = options
	for step: Variant in steps.slice(0, -1):
		if not _has(holder, step):
			return false
		holder = holder[step]
	if not is_finite(number) or not _has(holder, last) or not holder[last] is float:
		return false
	holder[last] = number
	return true


static func _is_bits(value: Variant) -> bool:
	if not value is String or (value as String).length() != _COUNT:
		return false
	for digit in value as String:
		if not _DIGITS.contains(digit):
			return false
	return true


static func _has(holder: Variant, step: Variant) -> bool:
	if holder is Dictionary:
		return step is String and (holder as Dictionary).has(step)
	if not holder is Array or not step is float:
		return false
	return step >= 0.0 and step < (holder as Array).size() and step == floorf(step as float)
