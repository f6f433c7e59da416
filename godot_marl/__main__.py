"""`python -m godot_marl` is the command `godot-marl`."""

from godot_marl.cli import main

if __name__ == "__main__":
    main(prog_name="godot-marl")
