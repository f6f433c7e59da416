"""GymGodot's messages: JSON text, one reply to each request. This module does no I/O.

Python sends `{"cmd": "reset"}`, `{"cmd": "step", "action": [...]}` and `{"cmd": "render"}`; the replies are
`{"init_observation": [...]}`, `{"observation": [...], "reward": x, "done": bool}` and `{"render_error": "0"}`. There is
no reply to `{"cmd": "close"}`.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.errors import InvalidActionError, InvalidObservationError, InvalidSpaceError, ProtocolError

RESET = json.dumps({"cmd": "reset"})
RENDER = json.dumps({"cmd": "render"})
CLOSE = json.dumps({"cmd": "close"})

# How Godot 3 writes NaN and infinity, which JSON does not have; the last form is Windows'.
_NOT_FINITE = re.compile(r"(?<=[\[,:\s])([-+]?)(nan|inf|1\.#(?:QNAN|IND|INF)\w*)(?=[\s,\]}])", re.IGNORECASE)
_ERROR_CODE = re.compile(r"[0-9]{1,9}")
# Integers with this many characters may not fit into 64 bits.
_MAX_DIGITS = 19
_SUPPORTED_SPACES = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


def check_space(name: str, space: object) -> None:
    """Check that GymGodot's messages can represent a space.

    Args:
        name: The argument's name, for the error.
        space: The space.

    Raises:
        InvalidSpaceError: They cannot.
    """
    if not isinstance(space, _SUPPORTED_SPACES):
        raise InvalidSpaceError(
            "GymGodot's games support only lists of numbers.",
            where=name,
            expected="a Box, Discrete, MultiDiscrete or MultiBinary space of gymnasium.spaces",
            got=repr(space),
            remedy=f"Set {name}= to the space of your script, made with gymnasium.spaces instead of gym.spaces.",
        )


def step_message(action: Any, space: spaces.Space[Any]) -> str:
    """Return the request of a step. The game receives a Discrete action as `[2]`, a Box action as `[2.3, 3.4]`.

    Args:
        action: The action. Its bounds are not checked.
        space: The action space.

    Raises:
        InvalidActionError: The action has the wrong number of elements, or elements that are not numbers.
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
            "The action does not fit its space.",
            where="step(action)",
            expected=f"{size} finite {'numbers' if isinstance(space, spaces.Box) else 'integers'} for {space}",
            got=repr(action),
        )
    if values.dtype.kind == "b":
        values = values.astype(np.int8)
    # Always a list, because the node's method takes an Array.
    return json.dumps({"cmd": "step", "action": values.reshape(space.shape or (1,)).tolist()})


def read_reset(message: str | bytes | memoryview, space: spaces.Space[Any]) -> Any:
    """Decode the reply to a reset: the first observation of an episode.

    Raises:
        ProtocolError: The message is not a reply to a reset.
        InvalidObservationError: The observation does not have the space's shape and type.
    """
    reply = _read(message, ("init_observation",))
    return _observation(reply["init_observation"], space)


def read_step(message: str | bytes | memoryview, space: spaces.Space[Any]) -> tuple[Any, float, bool]:
    """Decode the reply to a step: the observation, the reward, and whether the episode is done.

    Raises:
        ProtocolError: The message is not a reply to a step.
        InvalidObservationError: The observation, the reward or the flag has the wrong type or shape.
    """
    reply = _read(message, ("observation", "reward", "done"))
    reward, done = reply["reward"], reply["done"]
    if isinstance(reward, bool) or not isinstance(reward, (int, float)) or reward != reward:
        raise _error("The reward is not a number.", "get_reward()", "a number", f"{reward!r:.300}")
    if not isinstance(done, bool):
        raise _error("The done flag is not a boolean.", "is_done()", "true or false", f"{done!r:.300}")
    return _observation(reply["observation"], space), float(reward), done


def read_render(message: str | bytes | memoryview) -> str:
    """Decode the reply to a render request: Godot's error code of saving the image, "0" for success.

    Raises:
        ProtocolError: The message is not a reply to a render request.
    """
    error = _read(message, ("render_error",))["render_error"]
    if isinstance(error, bool) or not isinstance(error, (int, str)) or not _ERROR_CODE.fullmatch(str(error)):
        raise _protocol_error("The reply to a render request has no error code.", ("render_error",), f"{error!r:.300}")
    return str(error)


def _read(message: str | bytes | memoryview, keys: tuple[str, ...]) -> dict[str, Any]:
    try:
        text = message if isinstance(message, str) else bytes(message).decode()
        reply = json.loads(_NOT_FINITE.sub(_as_python_literal, text), parse_int=_parse_integer)
    except (ValueError, RecursionError) as error:
        raise _protocol_error("The game's reply is not JSON.", keys, f"{message!r:.300} ({error})") from error
    if not isinstance(reply, dict) or any(key not in reply for key in keys):
        raise _protocol_error("The game's reply does not belong to the request.", keys, f"{reply!r:.300}")
    return reply


def _parse_integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _MAX_DIGITS else float(digits)


def _as_python_literal(match: re.Match[str]) -> str:
    sign = match[1].strip("+")
    return f"{sign}Infinity" if "inf" in match[2].lower() else "NaN"


def _protocol_error(what: str, keys: tuple[str, ...], got: str) -> ProtocolError:
    return ProtocolError(
        what,
        where="GymGodot's messages",
        expected=f"a JSON object with {', '.join(keys)}",
        got=got,
        remedy="Use GymGodot's node unchanged; for a game with a MarlBridge use godot_marl/Godot-v0.",
    )


def _as_integers(values: object, dtype: np.dtype[Any], array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the values as integers if they all are; else `array`.

    One float among them made `array` a float array, which rounds large integers.
    """
    limits = np.iinfo(dtype)
    elements = np.asarray(values, object).ravel()
    if all(int(limits.min) <= element <= int(limits.max) and element == int(element) for element in elements):
        return np.array([int(element) for element in elements], dtype)
    return array


def _observation(values: object, space: spaces.Space[Any]) -> Any:
    """Convert a list to an observation of the space's shape and type. Its bounds are not checked."""
    shape, dtype = space.shape or (), np.dtype(space.dtype)
    try:
        array = np.asarray(values)
    except ValueError:
        raise _error(
            "The observation is a list of lists of different lengths.", expected=str(space), got=f"{values!r:.300}"
        ) from None
    if not isinstance(values, list) or array.size != _size_of(space):
        count = f"{array.size} values, {values!r:.300}" if isinstance(values, list) else f"{values!r:.300}"
        raise _error(
            "The observation does not fit its space.",
            expected=f"{_size_of(space)} numbers for {space}",
            got=count,
            remedy="Set observation_space= to a space with the shape of get_observation()'s result.",
        )
    if array.dtype.kind not in "biuf":
        # numpy makes an object array of too large integers, too.
        wrong = next((v for v in np.asarray(values, object).ravel() if not isinstance(v, (int, float))), values)
        raise _error("The observation has an element that is not a number.", expected="numbers", got=f"{wrong!r:.300}")
    if array.dtype.kind == "f" and np.isnan(array).any():
        index = np.flatnonzero(np.isnan(array.ravel()))[0]
        raise _error(
            "The observation has an element that is not a number.",
            expected="numbers",
            got=f"NaN at [{index}]",
            remedy="Look for a division by zero, or for a vector of length zero that was normalized.",
        )
    if dtype.kind in "iu" and array.dtype.kind == "f":
        array = _as_integers(values, dtype, array)
    with np.errstate(over="ignore", invalid="ignore"):
        observation = array.astype(dtype).reshape(shape)
    if dtype.kind == "f":
        lost = np.isinf(observation.ravel()) != np.isinf(array.ravel())
    else:
        lost = observation.ravel() != array.ravel()
    if lost.any():
        index = np.flatnonzero(lost)[0]
        raise _error(
            "The observation has a value that its type cannot hold.",
            expected=f"values of {dtype}",
            got=f"{array.ravel()[index]} at [{index}]",
            remedy="Use another dtype for observation_space=, such as float32.",
        )
    return observation[()] if isinstance(space, spaces.Discrete) else observation


def _size_of(space: spaces.Space[Any]) -> int:
    return int(np.prod(space.shape or (), dtype=np.int64))


def _error(
    what: str, where: str = "get_observation()", expected: str = "", got: str = "", remedy: str | None = None
) -> InvalidObservationError:
    return InvalidObservationError(what, where=f"the game's {where}", expected=expected, got=got, remedy=remedy)
