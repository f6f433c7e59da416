"""A person at the keyboard plays an agent beside agents that Python drives: real windows, real key presses."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from person import Person
from processes import becomes_true

import godot_marl
from godot_marl import errors
from godot_marl.engine import Engine
from godot_marl.envs import cartpole_v0, connect_four_v0, soccer_v0
from godot_marl.parallel import GodotParallelEnv

pytestmark = pytest.mark.godot

MakeEnv = Callable[..., GodotParallelEnv]

ACTIONS = {"anna_0": 0, "bert_0": 0, "walker_0": 2}
PEOPLE = ["anna_0", "bert_0"]


@pytest.fixture
def make_window(person: Person, make: MakeEnv) -> MakeEnv:
    """Make an environment with a window for a person."""

    def make_one(scene: str = "people", **options: Any) -> GodotParallelEnv:
        return make(scene, render_mode="human", render_size=(160, 120), **options)

    return make_one


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[None]:
    """Do something while the main thread waits for the game."""
    thread = threading.Thread(target=act)
    thread.start()
    yield
    thread.join(30)
    assert not thread.is_alive()


def printed(env: GodotParallelEnv, text: str) -> bool:
    """Whether the game prints this in time."""
    worker = env._arena._worker
    assert worker is not None
    process = worker._process
    assert process is not None
    return becomes_true(lambda: text in process.all_output(), seconds=20.0)


def answering(**answers: list[str]) -> dict[str, Any]:
    return {"answers": answers}


# -- Asking ------------------------------------------------------------------------------------------------------------


def test_person_is_asked_in_each_frame_and_python_gets_the_last_action(make_window: MakeEnv) -> None:
    env = make_window(human_agents=["anna_0"])
    env.reset(seed=1, options=answering(Anna=["[1]", "[2]", "[0]", "[2]", "[1]", "[1]"]))
    observations, *_, infos = env.step(ACTIONS)
    assert infos["anna_0"] == {"asked": 3, "applied": ["[1]", "[2]", "[0]"], "human_action": [0]}
    # Python plays the others as before.
    assert infos["bert_0"] == {"asked": 0, "applied": ["[0]", "[0]", "[0]"]}
    assert (observations["walker_0"].tolist(), infos["walker_0"]) == ([3.0], {})
    *_, infos = env.step(ACTIONS | {"walker_0": 1})
    assert (infos["anna_0"]["applied"][3:], infos["anna_0"]["human_action"]) == (["[2]", "[1]", "[1]"], [1])
    _, infos = env.reset(seed=2)
    assert infos["anna_0"] == {"asked": 0, "applied": [], "seed": 2}


def test_step_waits_for_the_first_decision_while_the_scene_is_paused(make_window: MakeEnv) -> None:
    # 90 frames take longer than the deadline of a step: a person may think.
    env = make_window(human_agents=["anna_0"], step_timeout=1.0)
    env.reset(seed=1, options=answering(Anna=["[]"] * 90 + ["[1]", "[]", "[2]"]))
    observations, *_, infos = env.step(ACTIONS)
    assert infos["anna_0"] == {"asked": 93, "applied": ["[1]", "[1]", "[2]"], "human_action": [2]}
    assert infos["bert_0"]["applied"] == ["[0]", "[0]", "[0]"]
    assert observations["anna_0"].tolist() == [3.0]
    assert observations["walker_0"].tolist() == [3.0]


def test_step_waits_for_both_persons_and_each_keeps_the_decision(make_window: MakeEnv) -> None:
    env = make_window(human_agents=PEOPLE)
    env.reset(seed=1, options=answering(Anna=["[]", "[2]", "[]"], Bert=["[]"] * 5 + ["[1]"]))
    observations, *_, infos = env.step(ACTIONS)
    assert infos["anna_0"] == {"asked": 8, "applied": ["[2]"] * 3, "human_action": [2]}
    assert infos["bert_0"] == {"asked": 8, "applied": ["[1]"] * 3, "human_action": [1]}
    assert observations["anna_0"].tolist() == [3.0]


def test_only_the_person_whose_turn_it_is_is_asked(scenes: Path, person: Person) -> None:
    people = ["player_0", "player_1"]
    env = godot_marl.env(scenes, scene="human_turns.tscn", render_mode="human", human_agents=people)
    env.reset(seed=1)
    for agent in env.agent_iter(20):
        *_, terminated, _, info = env.last()
        env.step(None if terminated else 0)
        if terminated:
            # The person thinks for two frames; one more passes in the step, without a call.
            assert info["moves"] == [2, 12, 2, 12]
            assert (info["asked"], info["asked_out_of_turn"]) == (6, 0), agent
    env.close()


# -- Answers -----------------------------------------------------------------------------------------------------------

BOX = spaces.Box(-1.0, 1.0, (2,))
TUPLE = spaces.Tuple([spaces.MultiDiscrete([2, 5]), spaces.MultiBinary(2)])
DICT = spaces.Dict(go=spaces.Box(-1.0, 1.0, (2,)), wait=spaces.Discrete(3))


@pytest.mark.parametrize(
    ("space", "answer", "by_python"),
    [
        (spaces.Discrete(3, start=-1), "[-1]", -1),
        (spaces.Discrete(3, start=-1), "[1]", 1),
        # As from Python, numbers become floats, and are rounded to 32 bits.
        (BOX, "[1, -0.1]", np.array([1.0, -0.1], np.float32)),
        (spaces.Box(0.1, 0.7, (1,)), "[0.1]", np.array([0.1], np.float32)),
        (TUPLE, "[[1, 4], [0, 1]]", (np.array([1, 4]), np.array([0, 1], np.int8))),
        (DICT, '[{"go": [0.5, 1], "wait": [2]}]', {"go": np.array([0.5, 1.0], np.float32), "wait": 2}),
    ],
)
def test_answer_is_applied_as_the_same_action_of_python_is(
    make_window: MakeEnv, space: spaces.Space[Any], answer: str, by_python: Any
) -> None:
    env = make_window(human_agents=["anna_0"], action_space=dict.fromkeys(PEOPLE, space))
    env.reset(seed=1, options=answering(Anna=[answer]))
    *_, infos = env.step({"anna_0": space.sample(), "bert_0": by_python, "walker_0": 1})
    assert infos["anna_0"]["applied"] == infos["bert_0"]["applied"]
    told = infos["anna_0"]["human_action"]
    if isinstance(space, spaces.Dict):
        told = [member for name in ("go", "wait") for member in told[0][name]]
    assert told == [number for leaf in leaves(by_python) for number in leaf]


def leaves(action: Any) -> list[list[Any]]:
    """The numbers of an action as the info holds them: the members of a tuple are lists themselves."""
    if isinstance(action, tuple):
        return [[leaf.tolist() for leaf in action]]
    return [np.atleast_1d(leaf).tolist() for leaf in (action.values() if isinstance(action, dict) else [action])]


@pytest.mark.parametrize(
    ("space", "answer", "expected", "got"),
    [
        (spaces.Discrete(3), "[3]", "a number from 0 to 2 at index 0", "Array of size 1: [3]"),
        (spaces.Discrete(3), "[-1]", "a number from 0 to 2 at index 0", "Array of size 1: [-1]"),
        (spaces.Discrete(3), "[1, 1]", "1 integers", "Array of size 2: [1, 1]"),
        (spaces.Discrete(3), '["1"]', "1 integers", 'Array of size 1: ["1"]'),
        (spaces.Discrete(3), "1", "an Array, empty while the person has not decided", "int: 1"),
        (
            spaces.Box(-1.0, 1.0, (2,)),
            "[0.0, 1.5]",
            "a number from -1.0 to 1.0 at index 1",
            "Array of size 2: [0.0, 1.5]",
        ),
        (
            spaces.Box(-1.0, 1.0, (2,)),
            "[nan, 0.0]",
            "a number from -1.0 to 1.0 at index 0",
            "Array of size 2: [nan, 0.0]",
        ),
        (DICT, '[{"go": [0.0, 0.0]}]', "a Dictionary with the keys go, wait", "the keys go"),
        (
            DICT,
            '[{"go": [0.0, 0.0], "wait": [3]}]',
            "at key wait: a number from 0 to 2 at index 0",
            'Array of size 1: [{ "go": [0.0, 0.0], "wait": [3] }]',
        ),
        (TUPLE, "[[1, 5], [0, 0]]", "at index 0: a number from 0 to 4 at index 1", "Array of size 2: [[1, 5], [0, 0]]"),
    ],
)
def test_answer_outside_the_action_space_is_an_error(
    make_window: MakeEnv, space: spaces.Space[Any], answer: str, expected: str, got: str
) -> None:
    env = make_window(human_agents=["anna_0"], action_space=dict.fromkeys(PEOPLE, space))
    env.reset(seed=1, options=answering(Anna=["[]", answer]))
    with pytest.raises(errors.SceneError) as caught:
        env.step(dict.fromkeys(PEOPLE, space.sample()) | {"walker_0": 1})
    error = caught.value
    assert error.what == "Agent anna_0 answered a human action that is not in its action space."
    assert error.where == "/root/People/Anna.get_human_action()"
    assert (error.expected, error.got) == (expected, got)
    assert error.remedy == "Answer what apply_action() takes, such as [2] for a Discrete space, or [] to wait."


def test_script_error_while_a_person_thinks_reaches_python(make_window: MakeEnv) -> None:
    env = make_window(human_agents=["anna_0"])
    env.reset(seed=1, options=answering(Anna=["[]", "fail"]))
    with pytest.raises(errors.ScriptError, match="in get_human_action"):
        env.step(ACTIONS)
    env.reset(seed=1, options=answering(Anna=["[1]"]))
    assert env.step(ACTIONS)[4]["anna_0"]["human_action"] == [1]


# -- Which agents a person can play ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("people", "what", "where", "expected", "got", "remedy"),
    [
        (
            ["ana_0"],
            "human_agents names an agent that the scene does not have.",
            "human_agents",
            "some of anna_0, bert_0, walker_0",
            "ana_0",
            "Did you mean anna_0? Agents with get_human_action() are: anna_0, bert_0.",
        ),
        (
            ["bert_0", "x"],
            "human_agents names an agent that the scene does not have.",
            "human_agents",
            "some of anna_0, bert_0, walker_0",
            "x",
            "Agents with get_human_action() are: anna_0, bert_0.",
        ),
        (
            ["walker_0"],
            "Agent walker_0 cannot be played by a person.",
            "/root/People/Walker.get_human_action()",
            "a method that answers what a person at the keyboard would do now",
            "no such method",
            "Add get_human_action() -> Array to the agent's script, or name an agent that has it: anna_0, bert_0.",
        ),
    ],
)
def test_an_agent_that_a_person_cannot_play_is_an_error_at_the_handshake(
    make_window: MakeEnv, people: list[str], what: str, where: str, expected: str, got: str, remedy: str
) -> None:
    env = make_window(human_agents=people)
    with pytest.raises(errors.InvalidOptionError) as caught:
        env.start()
    error = caught.value
    assert (error.what, error.where, error.expected, error.got, error.remedy) == (what, where, expected, got, remedy)


def test_agent_that_comes_later_without_the_method_is_an_error_when_it_should_act(make_window: MakeEnv) -> None:
    env = make_window("herd", human_agents=["sheep_2"])
    env.reset(seed=1, options={"schedule": [[["spawn", 0]]]})
    env.step(dict.fromkeys(env.agents, 0))
    assert "sheep_2" in env.agents
    with pytest.raises(errors.InvalidOptionError, match=r"Agent sheep_2 cannot be played by a person\.") as caught:
        env.step(dict.fromkeys(env.agents, 0))
    assert caught.value.remedy == "Add get_human_action() -> Array to the agent's script."


@pytest.mark.parametrize("render_mode", [None, "rgb_array"])
def test_person_needs_a_window(make: MakeEnv, render_mode: str | None) -> None:
    env = make("people", human_agents=["anna_0"], render_mode=render_mode)
    with pytest.raises(errors.InvalidOptionError) as caught:
        env.reset(seed=1)
    assert (caught.value.where, caught.value.got) == ("human_agents", f"render_mode={render_mode!r}")
    assert caught.value.remedy == "Give render_mode='human' too."


# -- While a person thinks ---------------------------------------------------------------------------------------------


def test_closed_window_ends_the_wait_at_once(make_window: MakeEnv, person: Person) -> None:
    env = make_window(human_agents=["anna_0"])
    env.reset(seed=1)

    def lose_patience() -> None:
        assert printed(env, "Anna was asked")
        person.close_window()

    with meanwhile(lose_patience), pytest.raises(errors.GameExitedError) as caught:
        env.step(ACTIONS)
    assert caught.value.exit_status == 0


def test_game_started_by_hand_ends_when_python_is_interrupted_in_the_wait(engine: Engine, scenes: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [str(engine.path), "--headless", "--path", str(scenes), "people.tscn"]
    with subprocess.Popen(
        command,
        env={**os.environ, "GODOT_MARL_URL": f"ws://127.0.0.1:{port}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as game:
        # The environment opens no window: the person started the game.
        env = godot_marl.parallel_env(None, port=port, human_agents=["anna_0"])
        env.reset(seed=1)
        output: list[str] = []

        def interrupt() -> None:
            assert game.stdout is not None
            for line in game.stdout:
                output.append(line)
                if line == "Anna was asked\n":
                    os.kill(os.getpid(), signal.SIGINT)

        with meanwhile(interrupt), pytest.raises(KeyboardInterrupt):
            env.step(ACTIONS)
        assert game.wait(10) == 0
    assert "Anna was asked\n" in output
    assert not any("error" in line.lower() for line in output), output


# -- Real keys ---------------------------------------------------------------------------------------------------------


def test_keys_reach_agents_that_wait_for_them(make_window: MakeEnv, person: Person) -> None:
    people = ["input_0", "key_0", "unhandled_0", "root_0", "polling_0"]
    env = make_window("typists", human_agents=people)
    env.reset(seed=1)
    for count, digit in enumerate([2, 0, 1], start=1):
        person.press(str(digit))
        *_, infos = env.step(dict.fromkeys(people, 0))
        person.release(str(digit))
        assert [infos[agent]["human_action"] for agent in people] == [[digit]] * 5
        # No key press is lost or counted twice.
        assert [infos[agent]["presses"] for agent in people] == [count] * 4 + [0]


def test_person_and_python_play_a_game_of_connect_four(person: Person) -> None:
    env = connect_four_v0.env(render_mode="human", human_agents=["player_0"], render_size=(320, 180))
    env.reset(seed=1)
    moves = []
    # The person builds a tower in the second column. Python's discs go elsewhere, and what it says for the person.
    for by_python in (4, 3, 4, 4, 4, 5, 4):
        agent = env.agent_selection
        if agent == "player_0":
            person.tap("2")
        env.step(by_python)
        moves.append(env.infos[agent].get("human_action"))
    assert moves == [[1], None, [1], None, [1], None, [1]]
    assert env.terminations == {"player_0": True, "player_1": True}
    assert env.rewards == {"player_0": 1.0, "player_1": -1.0}
    env.close()


@pytest.mark.parametrize(("key", "pushed", "by_python"), [("a", 0, 1), ("d", 1, 0), ("Right", 1, 0)])
def test_cart_goes_where_the_person_steers_it(person: Person, key: str, pushed: int, by_python: int) -> None:
    env = cartpole_v0.parallel_env(render_mode="human", human_agents=["cart_0"], render_size=(320, 180))
    env.start()
    person.press(key)
    # The cart coasts with pushes to both sides, two in a row at most, until the game knows of the key.
    pushes: list[int] = []
    while pushes[-3:] != [pushed] * 3:
        if not env.agents:
            env.reset(seed=1)
        *_, infos = env.step({"cart_0": by_python})
        pushes += infos["cart_0"]["human_action"]
    env.reset(seed=1)
    places = [0.0]
    while env.agents:
        observations, *_, infos = env.step({"cart_0": by_python})
        assert infos["cart_0"]["human_action"] == [pushed]
        places.append(float(observations["cart_0"][0]))
    env.close()
    assert len(places) > 5
    assert np.all(np.diff(places) > 0 if pushed else np.diff(places) < 0)


# What is pressed, the way that leads to as the camera sees the field (to the right, and down), and the actions of a red
# and a blue player that lead there.
STEERED = [
    (["Right"], (1.0, 0.0), [1, 5]),
    (["Left"], (-1.0, 0.0), [5, 1]),
    (["Down"], (0.0, 1.0), [3, 3]),
    (["Up"], (0.0, -1.0), [7, 7]),
    (["d"], (1.0, 0.0), [1, 5]),
    (["a"], (-1.0, 0.0), [5, 1]),
    (["s"], (0.0, 1.0), [3, 3]),
    (["w"], (0.0, -1.0), [7, 7]),
    (["Right", "w"], (np.sqrt(0.5), -np.sqrt(0.5)), [8, 6]),
]


def test_both_teams_run_where_the_person_steers_them(person: Person) -> None:
    people = ["red_0", "blue_0"]
    env = soccer_v0.parallel_env(render_mode="human", human_agents=people, render_size=(320, 180))
    stay = dict.fromkeys(env.possible_agents, 0)
    env.reset(seed=1)
    for keys, way, expected in STEERED:
        for key in keys:
            person.press(key)
        heard: list[list[int]] = []
        # Until the game has got the keys the agents run anywhere.
        while expected not in heard:
            assert len(heard) < 100, (keys, heard)
            if not env.agents:
                env.reset(seed=1)
            *_, infos = env.step(stay)
            heard.append([infos[agent]["human_action"][0] for agent in people])
        env.reset(seed=1)
        for _ in range(2):
            *_, infos = env.step(stay)
            assert [infos[agent]["human_action"][0] for agent in people] == expected
        for key in keys:
            person.release(key)
        players = env.state()[4:20].reshape(4, 4)
        for player in (0, 2):
            assert players[player, 2:].tolist() == pytest.approx(way, abs=0.1), (keys, people[player // 2])
    env.close()
