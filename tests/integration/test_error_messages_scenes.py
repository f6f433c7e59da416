"""What a user reads of a scene, a bridge or an addon that cannot be used, word for word."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from pathlib import Path

import gymnasium
import pytest
from faults import MakeEnv, told
from processes import leaves_nothing

import godot_marl
from godot_marl import errors
from godot_marl.engine import Engine
from godot_marl.game import worker

pytestmark = [pytest.mark.godot, pytest.mark.usefixtures("mark")]


# -- Scenes that cannot be used ----------------------------------------------------------------------------------------

UNUSABLE: dict[str, tuple[type[errors.GodotMarlError], str]] = {
    "disabled_bridge": (
        errors.NoBridgeError,
        told(
            "The scene's MarlBridge is not enabled.",
            where="PROJECT (res://disabled_bridge.tscn)",
            expected="an enabled MarlBridge in the scene",
            got="the bridge /root/Arena/MarlBridge is not enabled",
            remedy="Set the bridge's property enabled to true in the scene.",
        ),
    ),
    "two_bridges": (
        errors.GameExitedError,
        told(
            "The game ended before it connected.",
            where="PROJECT (res://two_bridges.tscn)",
            expected="a game that runs until the environment is closed",
            got="exit status 1; only one bridge may be enabled, not 2: /root/Arena/MarlBridge, /root/Arena/Second",
            remedy="Read its output, and look for quit() in the scene; reset() starts the game again.",
        ),
    ),
    "bad_step_length": (
        errors.GameExitedError,
        told(
            "The game ended before it connected.",
            where="PROJECT (res://bad_step_length.tscn)",
            expected="a game that runs until the environment is closed",
            got="exit status 1; step_length of /root/Arena/MarlBridge must be at least 1, not 0",
            remedy="Read its output, and look for quit() in the scene; reset() starts the game again.",
        ),
    ),
    "no_agent": (
        errors.NoAgentError,
        told(
            "The scene has no agent.",
            where="/root/Arena",
            expected="at least one node with the methods apply_action, get_observation, get_reward, reset, is_done",
            got="none",
            remedy="Give a node these five methods, or set the bridge's arena_root to a node above it.",
        ),
    ),
    "half_agent": (
        errors.NoAgentError,
        told(
            "The scene has no agent.",
            where="/root/Arena",
            expected="at least one node with the methods apply_action, get_observation, get_reward, reset, is_done",
            got="/root/Arena/Half: This node has 3 of the 5 methods of an agent; it lacks get_reward, is_done.",
            remedy="Give a node these five methods, or set the bridge's arena_root to a node above it.",
        ),
    ),
    "no_action_space": (
        errors.InvalidSpaceError,
        told(
            "Agent spaceless_0 has no action space.",
            where="/root/Arena/Spaceless.get_action_space()",
            expected="an action space from the scene or from Python",
            got="neither",
            remedy="Add get_action_space() to the agent's script, for example `return MarlSpace.discrete(2)`, "
            "or give action_space= in Python.",
        ),
    ),
    "same_names": (
        errors.SceneError,
        told(
            "Two agents have the same name.",
            where="/root/Arena/Bob.get_agent_name()",
            expected="a String that no other agent of the arena answers",
            got='"twin", which is the name of /root/Arena/Ann',
            remedy="Answer another name, or remove the method: the agent is then named after its node.",
        ),
    ),
    "broken/parse_error": (
        errors.ScriptError,
        told(
            'A script of the game failed: Parse Error: Expected ":" after "if" condition.',
            where="res://broken/parse_error.gd:7",
            remedy="Fix the script.",
        ),
    ),
    "broken/parse_error_beside": (
        errors.ScriptError,
        told(
            'A script of the game failed: Parse Error: Expected ":" after "if" condition.',
            where="res://broken/parse_error.gd:7",
            remedy="Fix the script.",
        ),
    ),
}


@pytest.mark.parametrize("scene", UNUSABLE)
def test_scene_that_cannot_be_used(make: MakeEnv, scenes: Path, scene: str, mark: str) -> None:
    kind, text = UNUSABLE[scene]
    env = make(scene)
    with pytest.raises(kind) as raised:
        env.reset(seed=1)
    assert str(raised.value).replace(str(scenes), "PROJECT") == text
    assert leaves_nothing(mark)


@pytest.mark.timeout(60)
def test_a_broken_script_of_a_bridge_is_an_error_long_before_the_deadline(make: MakeEnv, mark: str) -> None:
    env = make("broken/parse_error_in_root", start_timeout=100)
    with pytest.raises(errors.ScriptError) as raised:
        env.reset(seed=1)
    assert raised.value.where == "res://broken/parse_error_in_root.gd:7"
    assert leaves_nothing(mark)


def test_scene_without_bridge(make: MakeEnv, scenes: Path, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_NO_BRIDGE_TIMEOUT", 1.0)
    env = make("no_bridge")
    with pytest.raises(errors.NoBridgeError) as raised:
        env.reset(seed=1)
    assert str(raised.value) == told(
        "The scene has no MarlBridge node.",
        where=f"{scenes} (res://no_bridge.tscn)",
        expected="an enabled MarlBridge in the scene",
        got="a game that runs and did not connect in 1 s",
        remedy="Add a MarlBridge node to the scene; `godot-marl addon install PROJECT_FOLDER` installs the addon.",
    )
    assert leaves_nothing(mark)


def test_game_that_never_connects(mark: str) -> None:
    env = godot_marl.parallel_env(command=["sh", "-c", "echo here I am; sleep 60"], start_timeout=0.5)
    with pytest.raises(errors.GameTimeoutError) as raised:
        env.reset(seed=1)
    assert re.sub(r":\d+\n", ":PORT\n", str(raised.value)) == told(
        "The game runs, but did not connect.",
        where="sh -c 'echo here I am; sleep 60', which should connect to ws://127.0.0.1:PORT",
        expected="a connection within 0.5 s",
        got="it printed last\n    here I am",
        remedy="Check that the scene has an enabled MarlBridge; start_timeout= makes the wait longer.",
    )
    assert leaves_nothing(mark)


def test_game_by_hand_that_is_never_started() -> None:
    env = godot_marl.parallel_env(port=0, start_timeout=0.3)
    with pytest.raises(errors.GameTimeoutError) as raised:
        env.reset(seed=1)
    assert re.sub(r":\d+\n", ":PORT\n", str(raised.value)) == told(
        "No game connected.",
        where="ws://127.0.0.1:PORT",
        expected="a game within 0.3 s",
        got="none",
        remedy="Start the game while Python waits, with this address in the bridge; "
        "start_timeout= makes the wait longer.",
    )


def test_single_agent_environment_of_a_scene_with_several(scenes: Path, mark: str) -> None:
    with pytest.raises(errors.SeveralAgentsError) as raised:
        gymnasium.make("godot_marl/Godot-v0", game=scenes, scene="team.tscn")
    assert str(raised.value) == told(
        "A Gymnasium environment has one agent, and this scene has several.",
        where="runner_0, thrower_0, runner_1",
        expected="1 agent",
        got="3 agents",
        remedy="Use godot_marl.parallel_env or godot_marl.env.",
    )
    assert leaves_nothing(mark)


# -- Addons of another version -----------------------------------------------------------------------------------------


@pytest.fixture
def other_version(scenes: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The test scenes with an addon in which one constant is another."""
    constant, ours, theirs = request.param
    project = tmp_path / "game"
    shutil.copytree(scenes, project)
    control = project / "addons" / "godot_marl" / "protocol" / "marl_control_messages.gd"
    source = control.read_text()
    assert source.count(f"const {constant} := {ours}") == 1
    control.write_text(source.replace(f"const {constant} := {ours}", f"const {constant} := {theirs}"))
    return project


SUBPROTOCOL_2 = ("SUBPROTOCOL", '"godot-marl.v1"', '"godot-marl.v2"')
SUBPROTOCOL_0 = ("SUBPROTOCOL", '"godot-marl.v1"', '"godot-marl.v0"')
HELLO_2 = ("PROTOCOL", "1", "2")


@pytest.mark.parametrize(
    ("other_version", "got", "remedy"),
    [
        (SUBPROTOCOL_2, "godot-marl.v2", "Update the Python package: pip install --upgrade godot-marl."),
        (SUBPROTOCOL_0, "godot-marl.v0", "Update the addon: godot-marl addon install PROJECT_FOLDER."),
        (HELLO_2, "godot-marl.v2", "Update the Python package: pip install --upgrade godot-marl."),
    ],
    indirect=["other_version"],
)
def test_addon_of_another_version_is_an_error_on_both_sides(
    engine: Engine, other_version: Path, got: str, remedy: str
) -> None:
    # A game that Python started would be ended before it could print, so this one is started by hand.
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [str(engine.path), "--headless", "--fixed-fps", "60", "--path", str(other_version), "by_hand.tscn"]
    with subprocess.Popen(
        ["env", f"ADDRESS=ws://127.0.0.1:{port}", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as game:
        env = godot_marl.parallel_env(port=port, start_timeout=30)
        with pytest.raises(errors.ProtocolVersionError) as raised:
            env.reset(seed=1)
        output, _ = game.communicate(timeout=10)
    expected = f"godot-marl.v1 (godot-marl {godot_marl.__version__})"
    error = raised.value
    assert error.what == "The addon in the game and this Python package speak different versions of the protocol."
    assert (error.expected, error.got, error.remedy) == (expected, got, remedy)
    assert (error.where or "").startswith("the game's addons/godot_marl folder")
    assert output.splitlines()[-1] == (f"godot-marl: Python closed the connection: {expected} was expected. {remedy}")
    assert game.returncode == 1
