"""One arena, shared by all forms of one process."""
