@tool
extends EditorPlugin
## Makes the bridge known to the editor's Create dialog while the plugin is enabled.
