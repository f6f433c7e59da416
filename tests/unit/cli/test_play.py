"""`godot-marl play` with arguments that cannot work."""

from __future__ import annotations

from pathlib import Path

from commands import run


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    result = run("play", "cartpole", tmp_path, "--render", "none")
    assert result.exit_code == 1
    assert "This is not the folder of a training." in result.output
