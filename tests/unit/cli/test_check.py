"""`godot-marl check` of a game that does not exist."""

from __future__ import annotations

from pathlib import Path

from commands import run


def test_a_game_that_does_not_exist_prints_our_error(tmp_path: Path) -> None:
    result = run("check", tmp_path / "nothing")
    assert result.exit_code == 1
    assert "GameNotFoundError" in result.output
