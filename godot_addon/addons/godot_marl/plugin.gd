@tool
extends EditorPlugin
## Lists the addon under Project Settings > Plugins.
##
## The Create dialog knows MarlBridge by its class name, and so it finds the node as soon as the
## addon is in the project; there is nothing more to register.
