"""What developers of godot-marl measure; `godot-marl bench` loads it in a checkout, and no wheel ships it."""
