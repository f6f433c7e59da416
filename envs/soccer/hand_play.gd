extends Node
## Lets a person play with the keyboard as long as no bridge drives the game. The person is the
## first red player, a simple rule moves the three others.
##
## After a goal, or when the time is up, the next kick-off follows.

var _random := RandomNumberGenerator.new()

@onready var _arena: SoccerArena = get_parent()


func _ready() -> void:
	_random.randomize()


func _physics_process(_delta: float) -> void:
	var person: SoccerPlayer = _arena.players[0]
	if person.is_done() or person.is_truncated():
		_arena.kick_off(_random.randi())
	for player: SoccerPlayer in _arena.players:
		player.apply_action(player.get_human_action() if player == person else _choose(player))


# The player of a team who is nearer to the ball gets behind it and pushes it on; the other
# one stays between the ball and the own goal.
func _choose(player: SoccerPlayer) -> Array:
	var mirror := Vector2(player.side, 1.0)
	var own := _flat(player.body.position) * mirror
	var ball := _flat(_arena.ball.position) * mirror
	var mate := _flat(player.mate.body.position) * mirror
	var target := (ball + Vector2(-SoccerPitch.HALF.x, 0.0)) / 2.0
	if own.distance_to(ball) <= mate.distance_to(ball):
		var shot := ball.direction_to(Vector2(SoccerPitch.HALF.x, 0.0))
		var is_behind := own.direction_to(ball).dot(shot) > 0.7
		target = ball if is_behind else ball - shot * 1.2
	return [SoccerPlayer.nearest_action((target - own).snapped(Vector2(0.1, 0.1)))]


func _flat(place: Vector3) -> Vector2:
	return Vector2(place.x, place.z)
