extends RefCounted
## The types of spaces by name: to add one, write its _MarlSpaceKind and add it here.

const _MarlSpaceKind := preload("res://addons/godot_marl/protocol/spaces/marl_space_kind.gd")
const _MarlSpaceLayout := preload("res://addons/godot_marl/protocol/marl_space_layout.gd")

const _SCRIPTS: Dictionary[String, String] = {
	"box": "res://addons/godot_marl/protocol/spaces/marl_box_space.gd",
	"discrete": "res://addons/godot_marl/protocol/spaces/marl_discrete_space.gd",
	"multi_discrete": "res://addons/godot_marl/protocol/spaces/marl_multi_discrete_space.gd",
	"multi_binary": "res://addons/godot_marl/protocol/spaces/marl_multi_binary_space.gd",
	"dict": "res://addons/godot_marl/protocol/spaces/marl_dict_space.gd",
	"tuple": "res://addons/godot_marl/protocol/spaces/marl_tuple_space.gd",
}

# By type, filled when a space first has it: few scenes have all of them.
static var _kinds: Dictionary[String, _MarlSpaceKind] = {}


## What is wrong with [param space], or an empty text. Check it before the other functions: they
## know no other spaces than those that are right.
static func problem_of(space: Dictionary) -> String:
	var type: Variant = space.get("type")
	if not type is String or not _SCRIPTS.has(type as String):
		var names := _SCRIPTS.keys()
		return "type must be %s or %s, not %s" % [", ".join(names.slice(0, -1)), names[-1], type]
	var kind := _kind_of(space)
	var problem := kind.find_problem(space)
	if problem:
		return problem
	var members := kind.members_of(space)
	for key: Variant in members:
		if not members[key] is Dictionary:
			return "member %s must be a space (a Dictionary), not %s" % [key, members[key]]
		problem = problem_of(members[key] as Dictionary)
		if problem:
			return "member %s: %s" % [key, problem]
	return ""


## How the values of [param space] lie in a message.
static func layout_of(space: Dictionary) -> _MarlSpaceLayout:
	var kind := _kind_of(space)
	var layout := _MarlSpaceLayout.new()
	kind.lay_out(space, layout)
	var members := kind.members_of(space)
	for key: Variant in members:
		layout.add_member(str(key), layout_of(members[key] as Dictionary))
	return layout


## What is expected where [param value], as _MarlSpaceLayout.read_value() answers it, is out of the
## bounds of [param space]; an empty text if it is inside.
static func fault_of(space: Dictionary, value: Variant) -> String:
	var kind := _kind_of(space)
	var members := kind.members_of(space)
	for key: Variant in members:
		var fault := fault_of(members[key] as Dictionary, value[key])
		if fault:
			return "at %s %s: %s" % ["key" if key is String else "index", key, fault]
	return kind.find_fault(space, value)


## How many numbers a mask of the actions in [param space] has; 0 if they cannot be masked.
static func mask_size_of(space: Dictionary) -> int:
	return _kind_of(space).mask_size_of(space)


## True if a node can answer for many agents that each have [param space].
static func can_be_grouped(space: Dictionary) -> bool:
	return _kind_of(space).can_be_grouped()


## The names of the types whose actions can be masked.
static func maskable_types() -> PackedStringArray:
	return PackedStringArray(
		_SCRIPTS.keys().filter(func(type: String) -> bool: return _kind(type).can_be_masked())
	)


## The names of the types that many agents of one node can have.
static func groupable_types() -> PackedStringArray:
	return PackedStringArray(
		_SCRIPTS.keys().filter(func(type: String) -> bool: return _kind(type).can_be_grouped())
	)


static func _kind_of(space: Dictionary) -> _MarlSpaceKind:
	return _kind(space["type"] as String)


static func _kind(type: String) -> _MarlSpaceKind:
	if not _kinds.has(type):
		_kinds[type] = (load(_SCRIPTS[type]) as GDScript).new()
	return _kinds[type]
