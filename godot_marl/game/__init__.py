"""One Godot process, from its command line to its exit."""
