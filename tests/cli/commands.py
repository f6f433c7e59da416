"""Runs our commands in this process."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from godot_marl.cli import main


def run(*arguments: str | Path | int) -> Result:
    """Run `godot-marl` with these arguments."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])
