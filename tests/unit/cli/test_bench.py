"""The options of `godot-marl bench` that cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--agents", "1,many"), "'many' is not a whole number above 0"),
        (("--form", "vector,tensor"), "'tensor' is none of parallel"),
        (("--form", "rival"), "Nothing can be measured"),
        (("--godot-rl-addon", "nowhere"), "The addon of Godot RL Agents is not here"),
    ],
)
def test_cases_that_cannot_be_measured_are_errors(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = run("bench", *arguments, "--out", tmp_path / "bench")
    assert result.exit_code != 0
    assert message in result.output
    assert not (tmp_path / "bench").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("cartpole", "--agents", "2"),
        ("cartpole", "--observation", "4"),
        ("cartpole", "--no-speed"),
        ("cartpole", "--form", "rival"),
        ("cartpole", "--memory", "400"),
        ("--scene", "main.tscn"),
        ("--copies", "2"),
    ],
    ids=" ".join,
)
def test_options_of_the_cartpoles_and_of_a_game_do_not_mix(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = run("bench", *arguments, "--out", tmp_path / "bench")
    assert result.exit_code == 2
    assert "GAME" in result.output
    assert not (tmp_path / "bench").exists()


@pytest.mark.parametrize("arguments", [("--quick",), ("--agents", "2"), ("--memory", "400"), ("--learning",)])
def test_a_soak_stands_alone(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = run("bench", "--soak", "1", *arguments, "--out", tmp_path / "bench")
    assert result.exit_code == 2
    assert "--soak stands alone" in result.output
    assert not (tmp_path / "bench").exists()
