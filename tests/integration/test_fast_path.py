"""The fast path and the slow path give the same results and errors for any answers of the agents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import godot_marl
from godot_marl import errors
from godot_marl.parallel import GodotParallelEnv

pytestmark = pytest.mark.godot

BothWays = Callable[..., tuple[list[Any], str]]
Fault = dict[str, Any]


def play(env: GodotParallelEnv, options: dict[str, Any]) -> tuple[list[Any], str]:
    """The results of two episodes, without the infos, and the error that ended them."""
    brought: list[Any] = []
    try:
        for seed in (1, 2):
            brought.append(env.reset(seed=seed, options=options)[0])
            while env.agents:
                brought.append(env.step(dict.fromkeys(env.agents, 2))[:4])
                if hasattr(env, "state_space"):
                    brought.append(env.state())
    except errors.GodotMarlError as error:
        return brought, f"{type(error).__name__}: {error}"
    return brought, ""


@pytest.fixture(scope="module")
def envs(scenes: Path) -> Iterator[dict[tuple[str, str], GodotParallelEnv]]:
    """Environments by scene and kind of agent. One whose game a fault ended starts another."""
    made: dict[tuple[str, str], GodotParallelEnv] = {}
    for scene in ("rows", "rows_state"):
        for kind in ("faulty", "watched"):
            made[scene, kind] = godot_marl.parallel_env(scenes, scene=f"{scene}.tscn")
    yield made
    for env in made.values():
        env.close()


@pytest.fixture
def both_ways(envs: dict[tuple[str, str], GodotParallelEnv], monkeypatch: pytest.MonkeyPatch) -> BothWays:
    def play_both(scene: str = "rows", **options: Any) -> tuple[list[Any], str]:
        ways = []
        for kind in ("faulty", "watched"):
            monkeypatch.setenv("ROWS", f"{kind} 3")
            ways.append(play(envs[scene, kind], options))
        (quick, error), (slow, expected) = ways
        assert error == expected
        assert str(quick) == str(slow)
        return quick, error

    return play_both


WRONG: list[tuple[str, str]] = [
    *(
        ("get_observation", answer)
        for answer in (
            "null",
            '"text"',
            "1.5",
            "[1, 2]",
            "[1, 2, null]",
            '["1", 2, 3]',
            "[[1], [2], [null]]",
            "[[1], [2], []]",
            "PackedFloat32Array(1, 2)",
            "PackedFloat32Array(1, 2, 3, 4)",
            'PackedStringArray("1", "2", "3")',
            "Vector3(1, 2, 3)",
            "{}",
            "PackedFloat32Array(1, nan, 3)",
            "[1, 2, nan]",
        )
    ),
    ("get_reward", "null"),
    ("get_reward", '"1"'),
    ("get_reward", "true"),
    ("get_reward", "nan"),
    ("is_done", "null"),
    ("is_done", "1"),
    ("is_truncated", "null"),
]


@pytest.mark.parametrize(("method", "answer"), WRONG)
def test_a_wrong_answer_of_the_second_of_three_has_the_same_text(both_ways: BothWays, method: str, answer: str) -> None:
    fault = {"agent": "Rower2", "method": method, "answer": answer}
    _, error = both_ways(faults=[fault])
    assert error.startswith("InvalidObservationError: ")
    assert f"/root/Rows/Rower2.{method}()" in error
    assert "rower_1" in error


@pytest.mark.parametrize("answer", ["[1, null, 3]", "[[1], [2], [null]]", "PackedFloat32Array(1)"])
def test_a_wrong_answer_beside_one_that_has_ended_has_the_same_text(both_ways: BothWays, answer: str) -> None:
    fault = {"agent": "Rower3", "method": "get_observation", "answer": answer}
    _, error = both_ways(faults=[fault], early=True)
    assert "/root/Rows/Rower3.get_observation()" in error


@pytest.mark.parametrize(
    ("method", "answer"),
    [("get_reward", "null"), ("is_done", "null"), ("get_observation", "[1]"), ("get_observation", "[1, null, 3]")],
)
def test_the_first_of_two_wrong_answers_is_reported(both_ways: BothWays, method: str, answer: str) -> None:
    first = {"agent": "Rower", "method": "get_observation", "answer": "[1, 2, null]"}
    second = {"agent": "Rower2", "method": method, "answer": answer}
    _, error = both_ways(faults=[first, second])
    assert "/root/Rows/Rower.get_observation()" in error


@pytest.mark.parametrize(
    "answer",
    [
        "[1, 2, 3]",
        "[[1], [2], [3]]",
        "[[1, 2], [3]]",
        "[[1, 2], 3]",
        "[[1, 2, 3]]",
        "[true, 2, 3.5]",
        "PackedFloat64Array(1, 2, 3)",
        "PackedInt32Array(1, 2, 3)",
        "PackedByteArray(1, 2, 3)",
    ],
)
@pytest.mark.parametrize("early", [False, True])
def test_an_answer_of_another_type_is_read_as_on_the_slow_path(both_ways: BothWays, answer: str, early: bool) -> None:
    faults = [{"agent": name, "method": "get_observation", "answer": answer} for name in ("Rower2", "Rower3")]
    brought, error = both_ways(faults=faults, early=early)
    assert error == ""
    assert brought[3][0]["rower_1"].tolist()[1:] in ([2.0, 3.0], [2.0, 3.5])


@pytest.mark.parametrize("what", ["free", "queue", "take"])
@pytest.mark.parametrize("whom", ["Rower", "Rower3"])
@pytest.mark.parametrize("method", ["apply_action", "get_observation", "get_reward", "is_done"])
def test_an_agent_that_another_one_removes_is_gone_on_both_paths(
    both_ways: BothWays, what: str, whom: str, method: str
) -> None:
    fault = {"agent": "Rower2", "method": method, "what": what, "whom": whom}
    brought, error = both_ways(faults=[fault])
    assert error == ""
    assert sum(1 for step in brought if isinstance(step, tuple) and True in step[2].values()) > 0


def test_a_state_is_read_once_a_step_on_both_paths(both_ways: BothWays) -> None:
    brought, error = both_ways("rows_state")
    assert error == ""
    assert [state.tolist() for state in brought[2:8:2]] == [[-1.0, -2.0], [-1.0, -3.0], [-1.0, -4.0]]


@pytest.mark.parametrize("answer", ['"text"', "[1]", "[1, null]", "[nan, 1]"])
@pytest.mark.parametrize("agent", ["Rower2", "nobody"])
def test_a_wrong_state_is_reported_after_the_answers_of_agents(both_ways: BothWays, answer: str, agent: str) -> None:
    faults = [{"agent": agent, "method": "get_observation", "answer": "[1, 2, null]"}]
    _, error = both_ways("rows_state", state=answer, faults=faults)
    method = "get_state()" if agent == "nobody" else "/root/Rows/Rower2.get_observation()"
    assert error.startswith("InvalidObservationError: ")
    assert method in error
