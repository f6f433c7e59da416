extends Node
## Steps the carts as a bridge does, but without Python: the most that a bridge can reach.
##
## In each physics frame, before all other nodes, it appends the observation, the reward and the end
## of each agent to packed arrays, resets the agents that ended, and gives each agent an action.
## After [member seconds] it prints a line of JSON and quits.

const _ACTION: Array = [1]
# Frames before the clock starts.
const _WARM_UP := 20
# How many frame times are printed, evenly spread.
const _SAMPLES := 1000

## How many arenas there are, each in a SubViewport as those of the bridge.
@export var arenas := 1
## Properties of each arena; see [Carts].
@export var agents := 1
@export var numbers := 4
@export var pictures := false
## How long to measure.
@export var seconds := 1.0

var _number_carts: Array[NumberCart] = []
var _picture_carts: Array[PictureCart] = []
var _observations := PackedFloat32Array()
var _bytes := PackedByteArray()
var _rewards := PackedFloat64Array()
var _dones := PackedByteArray()
var _times := PackedInt64Array()
var _frames := 0
var _begin := 0


func _ready() -> void:
	process_physics_priority = -1000
	for i in arenas:
		_add_arena(i)


func _physics_process(_delta: float) -> void:
	var now := Time.get_ticks_usec()
	_frames += 1
	if _frames == _WARM_UP:
		_begin = now
	elif _frames > _WARM_UP:
		_times.append(now)
		if now - _begin >= seconds * 1e6:
			_report()
			return
	_rewards.clear()
	_dones.clear()
	if pictures:
		_step_pictures()
	else:
		_step_numbers()


# Almost the same as below: a common method would need dynamic calls, which are slower.
func _step_numbers() -> void:
	_observations.clear()
	for cart in _number_carts:
		_observations.append_array(cart.get_observation())
		_rewards.append(cart.get_reward())
		var flags := int(cart.is_done()) | int(cart.is_truncated()) << 1
		_dones.append(flags)
		if flags:
			cart.reset()
		cart.apply_action(_ACTION)


func _step_pictures() -> void:
	_bytes.clear()
	for cart in _picture_carts:
		_bytes.append_array(cart.get_observation())
		_rewards.append(cart.get_reward())
		var flags := int(cart.is_done()) | int(cart.is_truncated()) << 1
		_dones.append(flags)
		if flags:
			cart.reset()
		cart.apply_action(_ACTION)


func _add_arena(index: int) -> void:
	var carts := Carts.new()
	carts.agents = agents
	carts.numbers = numbers
	carts.pictures = pictures
	carts.falls = false
	if arenas == 1:
		add_child(carts)
	else:
		var viewport := SubViewport.new()
		viewport.name = "Arena%d" % index
		viewport.own_world_3d = true
		viewport.render_target_update_mode = SubViewport.UPDATE_DISABLED
		add_child(viewport)
		viewport.add_child(carts)
	for cart in carts.get_children():
		if pictures:
			_picture_carts.append(cart as PictureCart)
		else:
			_number_carts.append(cart as NumberCart)


func _report() -> void:
	var steps := _times.size()
	var durations := PackedFloat64Array()
	for i in range(1, steps, maxi(1, ceili(float(steps) / _SAMPLES))):
		durations.append(float(_times[i] - _times[i - 1]))
	var timing := {
		"steps": steps,
		"agent_steps": steps * arenas * agents,
		"seconds": float(_times[-1] - _begin) / 1e6,
		"durations_us": durations,
	}
	print(JSON.stringify(timing))
	set_physics_process(false)
	get_tree().quit()
