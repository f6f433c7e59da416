extends Node
## Agents that the environment variable CROWD describes (JSON): "agents" of the "kind" that
## crowd_rules.gd knows, as one node of many agents ("group") or as a node each. With "beside"
## there are an ordinary agent before them and one after them.

const Rules := preload("res://crowd_rules.gd")
const Member := preload("res://crowd_member.gd")
const FullMember := preload("res://crowd_member_full.gd")
const MaskedMember := preload("res://crowd_member_masked.gd")
const Group := preload("res://crowd_group.gd")
const FullGroup := preload("res://crowd_group_full.gd")
const MaskedGroup := preload("res://crowd_group_masked.gd")

## The seed of the first agent, from which those of all others follow.
var first_seed := 0
var _kind := ""


func _ready() -> void:
	var settings: Dictionary = JSON.parse_string(OS.get_environment("CROWD"))
	var agents: int = settings["agents"]
	_kind = settings["kind"]
	if settings.get("beside"):
		_add_member("Before", 100)
	if settings.get("group"):
		var group := Group.new() if _kind == "bare" else FullGroup.new() as Group
		group = MaskedGroup.new() if Rules.has_mask(_kind) else group
		group.name = "Member"
		for i in agents:
			group.rules.append(Rules.new(_kind, i))
		add_child(group)
	else:
		for i in agents:
			_add_member("Member%d" % i, i)
	if settings.get("beside"):
		_add_member("After", 101)


func _add_member(node_name: String, index: int) -> void:
	var member := Member.new() if _kind == "bare" else FullMember.new() as Member
	member = MaskedMember.new() if Rules.has_mask(_kind) else member
	member.name = node_name
	member.rules = Rules.new(_kind, index)
	add_child(member)
