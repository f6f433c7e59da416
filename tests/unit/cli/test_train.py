"""`godot-marl train` with arguments that cannot work."""

from __future__ import annotations

import pytest
from commands import run


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_an_invalid_number_of_processes_is_an_error(value: str) -> None:
    result = run("train", "cartpole", "--processes", value)
    assert result.exit_code == 2
    assert "Invalid value for '--processes': expected the number of games that run at once, 1 or more" in result.output


def test_unknown_game() -> None:
    result = run("train", "cartpoel")
    assert result.exit_code == 1
    assert result.output.startswith("GameNotFoundError: There is no such game.\n  where: cartpoel\n")
