extends Node2D
# A point that can go left or right, and is best off in the middle. Its numbers are the same in every engine.

signal arrived(frame)

const LIMIT = 150.0
const EPISODE = 32

export(float) var speed = 60.0
export(String, "left", "right") var side = "right"

var velocity = Vector2()
var arrivals = PoolIntArray()
var steps = 0
var frames = 0
var is_over = false

onready var mover = $Mover


func _ready():
	connect("arrived", self, "_on_arrived")
	reset()


func apply_action(action: Array) -> void:
	if action[0] == 0:
		velocity = Vector2(-speed, 0)
	else:
		velocity = Vector2(speed, 0)


func get_observation() -> Array:
	return [mover.position.x / LIMIT, sign(mover.position.x), frames / (3.0 * EPISODE), deg2rad(stepify(mover.rotation_degrees, 90))]


func get_reward() -> float:
	steps += 1
	return 1.0 - abs(mover.position.x) / LIMIT


func is_done() -> bool:
	return is_over or steps >= EPISODE


func reset() -> void:
	mover.position = Vector2(-75 if side == "left" else 75, 0)
	velocity = Vector2()
	steps = 0
	frames = 0
	is_over = false
	arrivals = PoolIntArray()


func _physics_process(_delta: float) -> void:
	frames += 1
	velocity = mover.move_and_slide(velocity, Vector2.UP)
	is_over = abs(mover.position.x) > LIMIT
	if abs(mover.position.x) < 1.0:
		emit_signal("arrived", frames)


func _on_arrived(frame):
	arrivals.append(frame)
