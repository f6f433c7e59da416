extends Node
## The root of a scene with two nodes of two agents and an ordinary one.

## All calls to the first of them, in order.
var calls: PackedStringArray = []
