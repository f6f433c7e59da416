"""GymGodot's messages: text JSON, one request and one answer. No socket is in here.

Python asks `{"cmd": "reset"}`, `{"cmd": "step", "action": [...]}` and `{"cmd": "render"}`; the answers are
`{"init_observation": [...]}`, `{"observation": [...], "reward": x, "done": bool}` and `{"render_error": "0"}`. Nothing
answers `{"cmd": "close"}`.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.errors import InvalidActionError, InvalidObservationError, InvalidSpaceError, ProtocolError

RESET = '{"cmd": "reset"}'
RENDER = '{"cmd": "render"}'
CLOSE = '{"cmd": "close"}'

# How Godot 3 writes what JSON has no word for; the last two on Windows.
_NO_NUMBER = re.compile(r"(?<=[\[,:\s])([-+]?)(nan|inf|1\.#(?:QNAN|IND|INF)\w*)(?=[\s,\]}])", re.IGNORECASE)
_ERROR_CODE = re.compile(r"[0-9]{1,9}")
# What is longer does not fit into 64 bits.
_MOST_DIGITS = 19
_KNOWN = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


def check_space(name: str, space: object) -> None:
    """Check that values of a space can cross this wire.

    Raises:
        InvalidSpaceError: They cannot.
    """
    if not isinstance(space, _KNOWN):
        raise InvalidSpaceError(
            "GymGodot's games know lists of numbers only.",
            where=name,
            expected="a Box, Discrete, MultiDiscrete or MultiBinary space of gymnasium.spaces",
            got=repr(space),
            remedy=f"Give {name}= the space that your script had, made with gymnasium.spaces instead of gym.spaces.",
        )


def step_message(action: Any, space: spaces.Space[Any]) -> str:
    """Ask for a step. A Discrete action arrives in the game as `[2]`, a Box as `[2.3, 3.4]`.

    Raises:
        InvalidActionError: The action has the wrong number of elements, or they are no numbers. Bounds are not looked
            at.
    """
    try:
        values = np.asarray(action)
    except ValueError:
        values = np.asarray(None)
    size = _size_of(space)
    is_number = values.dtype.kind in "biuf" and bool(np.isfinite(values).all())
    is_whole = values.dtype.kind != "f" or isinstance(space, spaces.Box)
    if values.size != size or not is_number or not is_whole:
        raise InvalidActionError(
            "The action is none of this action space.",
            where="step(action)",
            expected=f"{size} finite {'numbers' if isinstance(space, spaces.Box) else 'integers'} for {space}",
            got=repr(action),
        )
    if values.dtype.kind == "b":
        values = values.astype(np.int8)
    # A list in every case: the node's method wants an Array.
    return json.dumps({"cmd": "step", "action": values.reshape(space.shape or (1,)).tolist()})


def read_reset(message: str | bytes | memoryview, space: spaces.Space[Any]) -> Any:
    """The first observation of an episode.

    Raises:
        ProtocolError: The answer is none to a reset.
        InvalidObservationError: It is not of the space's shape and type.
    """
    answer = _read(message, ("init_observation",))
    return _observation(answer["init_observation"], space)


def read_step(message: str | bytes | memoryview, space: spaces.Space[Any]) -> tuple[Any, float, bool]:
    """The observation, the reward, and whether the episode is over.

    Raises:
        ProtocolError: The answer is none to a step.
        InvalidObservationError: One of the three is not of its type.
    """
    answer = _read(message, ("observation", "reward", "done"))
    reward, done = answer["reward"], answer["done"]
    if isinstance(reward, bool) or not isinstance(reward, (int, float)) or reward != reward:
        raise _error("The reward is no number.", "get_reward()", "a number", f"{reward!r:.300}")
    if not isinstance(done, bool):
        raise _error("The game does not say whether it is done.", "is_done()", "true or false", f"{done!r:.300}")
    return _observation(answer["observation"], space), float(reward), done


def read_render(message: str | bytes | memoryview) -> str:
    """Godot's error code of saving a frame; "0" if there was none.

    Raises:
        ProtocolError: The answer is none to this request.
    """
    error = _read(message, ("render_error",))["render_error"]
    if isinstance(error, bool) or not isinstance(error, (int, str)) or not _ERROR_CODE.fullmatch(str(error)):
        raise _protocol_error(
            "The game does not say whether it has saved the frame.", ("render_error",), f"{error!r:.300}"
        )
    return str(error)


def _read(message: str | bytes | memoryview, keys: tuple[str, ...]) -> dict[str, Any]:
    try:
        text = message if isinstance(message, str) else bytes(message).decode()
        answer = json.loads(_NO_NUMBER.sub(_as_python_says, text), parse_int=_parse_integer)
    except (ValueError, RecursionError) as error:
        raise _protocol_error(
            "The game answered something that is no JSON.", keys, f"{message!r:.300} ({error})"
        ) from error
    if not isinstance(answer, dict) or any(key not in answer for key in keys):
        raise _protocol_error("The game answered something else than what it was asked.", keys, f"{answer!r:.300}")
    return answer


def _parse_integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _MOST_DIGITS else float(digits)


def _as_python_says(match: re.Match[str]) -> str:
    sign = match[1].strip("+")
    return f"{sign}Infinity" if "inf" in match[2].lower() else "NaN"


def _protocol_error(what: str, keys: tuple[str, ...], got: str) -> ProtocolError:
    return ProtocolError(
        what,
        where="GymGodot's messages",
        expected=f"a JSON object with {', '.join(keys)}",
        got=got,
        remedy="Use GymGodot's node as it is; a game with a MarlBridge belongs to godot_marl/Godot-v0.",
    )


def _whole_numbers(values: object, dtype: np.dtype[Any], given: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The values as integers, if all are some: one float among them makes floats of all, and of large ones others."""
    limits = np.iinfo(dtype)
    elements = np.asarray(values, object).ravel()
    if all(int(limits.min) <= element <= int(limits.max) and element == int(element) for element in elements):
        return np.array([int(element) for element in elements], dtype)
    return given


def _observation(values: object, space: spaces.Space[Any]) -> Any:
    """An observation of the space's shape and type. Its bounds are not looked at."""
    shape, dtype = space.shape or (), np.dtype(space.dtype)
    try:
        given = np.asarray(values)
    except ValueError:
        raise _error(
            "The observation is a list of lists of several lengths.", expected=str(space), got=f"{values!r:.300}"
        ) from None
    if not isinstance(values, list) or given.size != _size_of(space):
        count = f"{given.size} values, {values!r:.300}" if isinstance(values, list) else f"{values!r:.300}"
        raise _error(
            "The observation does not fit its space.",
            expected=f"{_size_of(space)} numbers for {space}",
            got=count,
            remedy="Give observation_space= the shape of what get_observation() returns.",
        )
    if given.dtype.kind not in "biuf":
        # Integers that are too large are objects for numpy, too.
        wrong = next((v for v in np.asarray(values, object).ravel() if not isinstance(v, (int, float))), values)
        raise _error("The observation holds something that is no number.", expected="numbers", got=f"{wrong!r:.300}")
    if given.dtype.kind == "f" and np.isnan(given).any():
        place = np.flatnonzero(np.isnan(given.ravel()))[0]
        raise _error(
            "The observation holds something that is no number.",
            expected="numbers",
            got=f"NaN at [{place}]",
            remedy="Look for a division by zero, or for a vector of length zero that was normalized.",
        )
    if dtype.kind in "iu" and given.dtype.kind == "f":
        given = _whole_numbers(values, dtype, given)
    with np.errstate(over="ignore", invalid="ignore"):
        observation = given.astype(dtype).reshape(shape)
    if dtype.kind == "f":
        lost = np.isinf(observation.ravel()) != np.isinf(given.ravel())
    else:
        lost = observation.ravel() != given.ravel()
    if lost.any():
        place = np.flatnonzero(lost)[0]
        raise _error(
            "The observation has a value that its type cannot hold.",
            expected=f"values of {dtype}",
            got=f"{given.ravel()[place]} at [{place}]",
            remedy="Give observation_space= another dtype, such as float32.",
        )
    return observation[()] if isinstance(space, spaces.Discrete) else observation


def _size_of(space: spaces.Space[Any]) -> int:
    return int(np.prod(space.shape or (), dtype=np.int64))


def _error(
    what: str, where: str = "get_observation()", expected: str = "", got: str = "", remedy: str | None = None
) -> InvalidObservationError:
    return InvalidObservationError(what, where=f"the game's {where}", expected=expected, got=got, remedy=remedy)
