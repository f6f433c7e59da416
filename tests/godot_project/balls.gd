extends Node3D
## Balls that fall on one another and on a floor; the first of them is an agent. How much room the
## arena claims is what the environment variable ROOM says.

const Ball := preload("res://ball.gd")

var bodies: Array[RigidBody3D] = []


func _ready() -> void:
	var floor_body := StaticBody3D.new()
	_add_shape(floor_body, BoxShape3D.new())
	(floor_body.get_child(0) as CollisionShape3D).scale = Vector3(8.0, 1.0, 8.0)
	add_child(floor_body)
	for i in 4:
		var body: RigidBody3D = Ball.new() if i == 0 else RigidBody3D.new()
		body.name = "Ball"
		_add_shape(body, SphereShape3D.new())
		bodies.append(body)
		_put_back(i)
		add_child(body, true)


func reset_arena() -> void:
	for i in bodies.size():
		_put_back(i)


func get_arena_size() -> Vector3:
	var room := OS.get_environment("ROOM").to_float()
	return Vector3(room, room, room)


func _put_back(i: int) -> void:
	bodies[i].transform = Transform3D(Basis.IDENTITY, Vector3(0.3 * i, 1.5 + 1.1 * i, 0.1 * i))
	bodies[i].linear_velocity = Vector3.ZERO
	bodies[i].angular_velocity = Vector3.ZERO


func _add_shape(body: PhysicsBody3D, shape: Shape3D) -> void:
	var collision := CollisionShape3D.new()
	collision.shape = shape
	body.add_child(collision)
