"""The options of an environment."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Any

import pytest
from gymnasium import spaces

from godot_marl.errors import InvalidOptionError
from godot_marl.options import Options


def name_of(value: object) -> str:
    """The same in every process, so that tests can run side by side."""
    return re.sub(r" at 0x\w+", "", repr(value))


def test_there_is_a_default_for_each_option() -> None:
    assert Options.from_kwargs({}) == Options()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scene", "res://levels/one.tscn"),
        ("scene", "levels/one.scn"),
        ("host", "0.0.0.0"),  # noqa: S104 - nothing is bound
        ("port", 0),
        ("port", 65535),
        ("token", "secret"),
        ("ssl", ("certificate.pem", Path("key.pem"))),
        ("ssl", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)),
        ("step_length", 1),
        ("physics_fps", 240),
        ("render_mode", "human"),
        ("human_agents", ["red_0"]),
        ("human_agents", ()),
        ("render_mode", "rgb_array"),
        ("render_size", (640, 480)),
        ("render_size", [640, 480]),
        ("start_timeout", 0.5),
        ("start_timeout", None),
        ("step_timeout", 3),
        ("seed", 0),
        ("max_episode_steps", 500),
        ("checks", False),
        ("action_space", spaces.Discrete(2)),
        ("observation_space", {"cart_0": spaces.Discrete(2)}),
        ("command", ["godot", "--path", "."]),
    ],
)
def test_a_fitting_value_is_kept(name: str, value: Any) -> None:
    assert getattr(Options.from_kwargs({name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("step_length", 0),
        ("step_length", 1.5),
        ("step_length", True),
        ("physics_fps", -60),
        ("max_episode_steps", "many"),
        ("start_timeout", 0),
        ("start_timeout", -1.0),
        ("step_timeout", 0.0),
        ("step_timeout", None),
        ("step_timeout", float("nan")),
        ("step_timeout", True),
        ("port", -1),
        ("port", 65536),
        ("port", "8000"),
        ("seed", -1),
        ("seed", 1.0),
        ("render_mode", "ansi"),
        ("human_agents", "red_0"),
        ("human_agents", [0]),
        ("human_agents", None),
        ("render_size", (640,)),
        ("render_size", (640, 0)),
        ("render_size", "640x480"),
        ("render_size", 640),
        ("host", ""),
        ("host", None),
        ("ssl", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
        ("ssl", "certificate.pem"),
        ("ssl", ("certificate.pem", None)),
        ("scene", "res://main.gd"),
        ("scene", 3),
    ],
    ids=name_of,
)
def test_a_wrong_value_is_an_error_with_the_expected_values(name: str, value: Any) -> None:
    with pytest.raises(InvalidOptionError) as error:
        Options.from_kwargs({name: value})
    assert error.value.where == name
    assert error.value.got == repr(value)
    assert error.value.expected


@pytest.mark.parametrize("token", ["", " ", "two\r\nlines", "geheim und süß", " spaces around ", b"bytes", 7])
def test_a_token_that_no_header_can_hold_is_an_error_and_is_not_shown(token: Any) -> None:
    with pytest.raises(InvalidOptionError) as error:
        Options.from_kwargs({"token": token})
    assert error.value.where == "token"
    assert error.value.got == "'another value'"


def test_the_token_is_not_printed() -> None:
    assert "hush" not in repr(Options.from_kwargs({"token": "hush"}))


@pytest.mark.parametrize(("given", "meant"), [("step_lenght", "step_length"), ("max_steps", None), ("Seed", "seed")])
def test_an_unknown_option_is_an_error_with_a_suggestion(given: str, meant: str | None) -> None:
    with pytest.raises(InvalidOptionError) as error:
        Options.from_kwargs({given: 1})
    assert error.value.where == given
    assert meant is None or error.value.remedy == f"Did you mean {meant}?"
    assert "render_mode" in str(error.value.expected)


def test_options_cannot_be_changed_later() -> None:
    with pytest.raises(AttributeError):
        Options().seed = 3  # type: ignore[misc]


def test_the_callers_own_options_are_suggested_too() -> None:
    with pytest.raises(InvalidOptionError) as raised:
        Options.from_kwargs({"copys": 3}, ["copies", "processes"])
    assert raised.value.remedy == "Did you mean copies?"
    assert raised.value.expected is not None
    assert raised.value.expected.startswith("copies, processes, scene, ")
