"""`godot-marl check`, on the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from godot_marl.cli import main

pytestmark = pytest.mark.godot


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def test_cartpole_passes() -> None:
    result = run("cartpole", "--steps", "60")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert "AGENT   NODE                 POLICY   OBSERVATION               ACTION      MASK" in lines
    assert "cart_0  /root/CartPole/Cart  default  Box 4 float32, -48 to 48  Discrete 2  -" in lines
    assert "ok       copies       Three copies in one process each play exactly as a single one." in lines
    assert lines[-1].startswith("passed: no faults, ")


def test_a_fault_is_shown_with_place_and_remedy_and_the_exit_status_is_1(scenes: Path) -> None:
    result = run(scenes, "--scene", "check_out_of_bounds.tscn", "--skip", "pettingzoo", "--skip", "repeats",
                 "--skip", "copies", "--steps", "20")  # fmt: skip
    assert result.exit_code == 1, result.output
    assert (
        "FAULT    values       In step 5 the observation of agent_0[1] is 15.0, not 0.0 to 12.0.\n"
        "                      where: /root/OutOfBounds/Agent.get_observation()\n"
        "                      what to do: Widen the bounds in get_observation_space(), or scale or clamp the value.\n"
    ) in result.output
    assert result.output.splitlines()[-1].startswith("FAILED: 1 fault, no warnings, no notes, in ")


def test_a_warning_of_the_scene_is_shown_once(scenes: Path) -> None:
    result = run(scenes, "--scene", "half_and_whole.tscn", "--skip", "pettingzoo", "--skip", "repeats", "--steps", "5")
    assert result.exit_code == 0, result.output
    assert result.output.count("it lacks ") == 1


def test_a_scene_that_does_not_start_prints_our_error(scenes: Path) -> None:
    result = run(scenes, "--scene", "no_agent.tscn")
    assert result.exit_code == 1
    assert "NoAgentError: The scene has no agent." in result.output
    assert "Traceback" not in result.output
