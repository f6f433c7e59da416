"""What a user reads when a method of the scene answers something wrong, word for word."""

from __future__ import annotations

import warnings

import pytest
from faults import MakeEnv, play, told
from gymnasium import spaces
from processes import leaves_nothing

from godot_marl import errors
from godot_marl.core.observation_validation import ObservationOutOfBoundsWarning

pytestmark = [pytest.mark.godot, pytest.mark.usefixtures("mark")]


TYPES = {"get_reward": "a float", "is_done": "a bool", "is_truncated": "a bool", "get_info": "a Dictionary"}
VALUES = {
    "null": "null (a script error, or a path without return)",
    '"text"': "String: text",
    "[1, 2]": "Array of size 2: [1, 2]",
}
NODE = "/root/Arena/Answering"


def wrong_answer(method: str, expected: str, got: str) -> str:
    return told(
        f"Agent answering: {method}() answered something of the wrong type or size.",
        where=f"{NODE}.{method}()",
        expected=expected,
        got=got,
        remedy=f"Give {method}() its return type, and a return on every path.",
    )


def wrong_observation(expected: str, got: str) -> str:
    return told(
        "Agent answering answered an observation that is not in its space.",
        where=f"{NODE}.get_observation()",
        expected=expected,
        got=got,
        remedy="Answer as many numbers as get_observation_space() says, each a number.",
    )


def no_number(got: str) -> str:
    return told(
        "The observation of agent answering is not in its space.",
        where=f"{NODE}.get_observation()",
        expected="numbers",
        got=got,
        remedy="Look for a division by zero, or for a vector of length zero that was normalized.",
    )


def no_space(method: str, expected: str, got: str) -> str:
    return told(
        f"Agent answering: {method}() answered something that is not a space.",
        where=f"{NODE}.{method}()",
        expected=expected,
        got=got,
        remedy="Build it with MarlSpace, for example MarlSpace.discrete(2).",
    )


def no_name(got: str) -> str:
    return told(
        "An agent has no name.",
        where=f"{NODE}.get_agent_name()",
        expected="a String that no other agent of the arena answers",
        got=got,
        remedy="Answer another name, or remove the method: the agent is then named after its node.",
    )


def no_list_of_keys(got: str) -> str:
    return told(
        "set_options() must answer the keys that it rejects.",
        where=f"{NODE}.set_options()",
        expected="an Array of keys, empty if all are fine",
        got=got,
        remedy="Return [] when every option is known.",
    )


OBSERVATION = errors.InvalidObservationError
SPACE = errors.InvalidSpaceError
Answers = dict[str, tuple[type[errors.GodotMarlError], str]]

ANSWERS: Answers = {
    **{
        f"{method}={value}": (OBSERVATION, wrong_answer(method, expected, got))
        for method, expected in TYPES.items()
        for value, got in VALUES.items()
    },
    **{
        f"get_observation={value}": (OBSERVATION, wrong_observation("2 numbers", got))
        for value, got in {
            "null": VALUES["null"],
            '"text"': VALUES['"text"'],
            "{}": "Dictionary: {  }",
            "[0.5]": "Array of size 1: [0.5]",
            "[0.5, 0.5, 0.5]": "Array of size 3: [0.5, 0.5, 0.5]",
            '[0.5, "0.5"]': 'Array of size 2: [0.5, "0.5"]',
            "[null, 0.5]": "Array of size 2: [<null>, 0.5]",
            "PackedFloat32Array(0.5)": "PackedFloat32Array of size 1: [0.5]",
            "PackedStringArray()": "PackedStringArray of size 0: []",
            "Vector2(0.5, 0.5)": "Vector2: (0.5, 0.5)",
        }.items()
    },
    "get_observation=[0.5, nan]": (OBSERVATION, no_number("nan at [1]")),
    "get_observation=PackedFloat32Array(nan, nan)": (OBSERVATION, no_number("nan at [0] (and 1 more)")),
    "get_reward=nan": (
        OBSERVATION,
        told(
            "The reward of agent answering is not a number.",
            where=f"{NODE}.get_reward()",
            expected="a number",
            got="NaN",
            remedy="Look for a division by zero or a root of a negative number in get_reward().",
        ),
    ),
    **{
        f"get_action_mask={value}": (OBSERVATION, wrong_answer("get_action_mask", "2 times 0 or 1", got))
        for value, got in {
            "null": VALUES["null"],
            "[1]": "Array of size 1: [1]",
            "[1, 2]": "Array of size 2: [1, 2]",
            "[1, null]": "Array of size 2: [1, <null>]",
        }.items()
    },
    "get_observation_space=null at once": (SPACE, no_space("get_observation_space", "a Dictionary", VALUES["null"])),
    'get_observation_space={"type": "box"} at once': (
        SPACE,
        no_space("get_observation_space", "a space", "shape must be a list of integers of at least 1, not <null>"),
    ),
    'get_action_space={"type": "discrete", "n": 0} at once': (
        SPACE,
        no_space("get_action_space", "a space", "n must be an integer of at least 1"),
    ),
    'get_action_space={"type": "discret"} at once': (
        SPACE,
        no_space(
            "get_action_space",
            "a space",
            "type must be box, discrete, multi_discrete, multi_binary, dict or tuple, not discret",
        ),
    ),
    'get_action_space={"type": "multi_binary", "n": 2} at once': (
        OBSERVATION,
        told(
            "Agent answering has an action mask, which its action space cannot have.",
            where=f"{NODE}.get_action_mask()",
            expected="a discrete or multi_discrete action space",
            got="a multi_binary",
            remedy="Remove get_action_mask(), or use a discrete action space.",
        ),
    ),
    "get_agent_name=null at once": (errors.SceneError, no_name(VALUES["null"])),
    'get_agent_name="" at once': (errors.SceneError, no_name("String: ")),
    "get_policy_name=5 at once": (
        errors.SceneError,
        told(
            "Agent answering names no policy.",
            where=f"{NODE}.get_policy_name()",
            expected="a String that is not empty",
            got="int: 5",
            remedy="Answer the name of a policy, or remove the method: the policy is then default.",
        ),
    ),
    "set_options=null at once": (errors.InvalidOptionError, no_list_of_keys(VALUES["null"])),
    "set_options=5 at once": (errors.InvalidOptionError, no_list_of_keys("int: 5")),
}


@pytest.mark.parametrize("fault", ANSWERS)
def test_wrong_answer_of_a_method_is_an_error_with_its_place(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, fault: str, mark: str
) -> None:
    monkeypatch.setenv("FAULT", fault)
    kind, text = ANSWERS[fault]
    env = make("answering")
    with pytest.raises(kind) as raised:
        play(env)
    assert str(raised.value) == text
    env.close()
    assert leaves_nothing(mark)


def test_observation_of_another_length_than_python_said(make: MakeEnv) -> None:
    env = make("walker", observation_space=spaces.Box(-1, 1, (3,)))
    with pytest.raises(OBSERVATION) as raised:
        env.reset(seed=1)
    assert str(raised.value) == told(
        "Agent walker_0 answered an observation that is not in its space.",
        where="/root/Line/Walker.get_observation()",
        expected="3 numbers",
        got="Array of size 1: [0.0]",
        remedy="Answer as many numbers as observation_space= in Python says, each a number.",
    )


def test_observation_out_of_bounds_warns_once_and_is_passed_on(make: MakeEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT", "get_observation=[0.5, 1.5]")
    env = make("answering")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        play(env)
        observations, *_ = env.step({"answering": 0})
    assert [(item.category, str(item.message)) for item in caught] == [
        (
            ObservationOutOfBoundsWarning,
            f"{NODE}.get_observation(): the observation of agent answering is outside its space "
            "Box(0.0, 1.0, (2,), float32): 1.5 at [1]. It is passed on unclipped; widen get_observation_space(). "
            "This warning comes once for each agent.",
        )
    ]
    assert observations["answering"]["observation"].tolist() == [0.5, 1.5]


def test_mask_of_booleans_is_a_mask(make: MakeEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT", "get_action_mask=[true, false] at once")
    assert make("answering").reset(seed=1)[1]["answering"]["action_mask"].tolist() == [1, 0]
