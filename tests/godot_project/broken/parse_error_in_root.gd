extends Node
## Would make the bridge, and does not parse, on purpose.


func _ready() -> void:
	var bridge: MarlBridge = MarlBridge.new()
	if bridge
		add_child(bridge)
