"""The quick way to ask agents says and does what the long one does, whatever the agents do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from godot_marl import errors
from godot_marl.parallel import GodotParallelEnv

pytestmark = pytest.mark.godot

MakeEnv = Callable[..., GodotParallelEnv]
Fault = dict[str, Any]


def play(env: GodotParallelEnv, faults: list[Fault], *, early: bool) -> tuple[list[Any], str]:
    """What two episodes brought, without the infos, and the error that ended them."""
    brought: list[Any] = []
    try:
        for seed in (1, 2):
            brought.append(env.reset(seed=seed, options={"faults": faults, "early": early})[0])
            while env.agents:
                brought.append(env.step(dict.fromkeys(env.agents, 2))[:4])
    except errors.GodotMarlError as error:
        return brought, f"{type(error).__name__}: {error}"
    return brought, ""


def both_ways(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, faults: list[Fault], *, early: bool = False
) -> tuple[list[Any], str]:
    ways = []
    for kind in ("faulty", "watched"):
        monkeypatch.setenv("ROWS", f"{kind} 3")
        ways.append(play(make("rows"), faults, early=early))
    (quick, error), (slow, expected) = ways
    assert error == expected
    assert str(quick) == str(slow)
    return quick, error


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
def test_a_wrong_answer_of_the_second_of_three_has_the_same_text(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, method: str, answer: str
) -> None:
    fault = {"agent": "Rower2", "method": method, "answer": answer}
    _, error = both_ways(make, monkeypatch, [fault])
    assert error.startswith("InvalidObservationError: ")
    assert f"/root/Rows/Rower2.{method}()" in error
    assert "rower_1" in error


@pytest.mark.parametrize("answer", ["[1, null, 3]", "[[1], [2], [null]]", "PackedFloat32Array(1)"])
def test_a_wrong_answer_beside_one_that_has_ended_has_the_same_text(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    fault = {"agent": "Rower3", "method": "get_observation", "answer": answer}
    _, error = both_ways(make, monkeypatch, [fault], early=True)
    assert "/root/Rows/Rower3.get_observation()" in error


@pytest.mark.parametrize(
    ("method", "answer"),
    [("get_reward", "null"), ("is_done", "null"), ("get_observation", "[1]"), ("get_observation", "[1, null, 3]")],
)
def test_the_first_of_two_wrong_answers_is_told(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, method: str, answer: str
) -> None:
    first = {"agent": "Rower", "method": "get_observation", "answer": "[1, 2, null]"}
    second = {"agent": "Rower2", "method": method, "answer": answer}
    _, error = both_ways(make, monkeypatch, [first, second])
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
def test_an_answer_of_another_form_is_read_as_on_the_long_way(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, answer: str, early: bool
) -> None:
    faults = [{"agent": name, "method": "get_observation", "answer": answer} for name in ("Rower2", "Rower3")]
    brought, error = both_ways(make, monkeypatch, faults, early=early)
    assert error == ""
    assert brought[3][0]["rower_1"].tolist()[1:] in ([2.0, 3.0], [2.0, 3.5])


@pytest.mark.parametrize("what", ["free", "queue", "take"])
@pytest.mark.parametrize("whom", ["Rower", "Rower3"])
@pytest.mark.parametrize("method", ["apply_action", "get_observation", "get_reward", "is_done"])
def test_an_agent_that_another_one_removes_is_gone_on_both_ways(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, what: str, whom: str, method: str
) -> None:
    fault = {"agent": "Rower2", "method": method, "what": what, "whom": whom}
    brought, error = both_ways(make, monkeypatch, [fault])
    assert error == ""
    assert sum(1 for step in brought if isinstance(step, tuple) and True in step[2].values()) > 0
