"""Runs PettingZoo's tests on a scene, and explains their warnings."""

from __future__ import annotations

import contextlib
import functools
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gymnasium import spaces
from pettingzoo import AECEnv
from pettingzoo.test import api_test, parallel_api_test, seed_test, state_test
from pettingzoo.test.state_test import test_state as check_states
from pettingzoo.test.state_test import test_state_space as check_state_space
from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from godot_marl.aec import aec_env_of
from godot_marl.core.arena import Arena
from godot_marl.core.episode import StepResult
from godot_marl.core.observation_validation import ObservationOutOfBoundsWarning
from godot_marl.errors import GodotMarlError
from godot_marl.options import Game, Options
from godot_marl.parallel import GodotParallelEnv, metadata_of
from godot_marl.protocol.messages import SceneDescription
from godot_marl.testing.report import Finding, Level

CHECK = "pettingzoo"

# The reset options that PettingZoo's tests pass.
_PETTINGZOO_OPTIONS = {"options": 1}

# Explanations of PettingZoo's warnings that are normal for a scene, by words of the warning.
_NORMAL = {
    "is all zeros": "Normal for a scene that begins at its origin.",
    "is a single number": "Normal for a small scene.",
    "observation space value is -infinity": "Finite bounds in get_observation_space() help some trainers.",
    "observation space value is infinity": "Finite bounds in get_observation_space() help some trainers.",
    "minimum state space value is -infinity": "Finite bounds in get_state_space() help some trainers.",
    "maximum state space value is infinity": "Finite bounds in get_state_space() help some trainers.",
    "Observation space for each agent probably should be": "Normal for masks, and for Dict and Tuple observations.",
    "Action space for each agent probably should be": "Some trainers take only Box and Discrete actions.",
    "Observation is not NumPy array": "Normal for masks, and for Dict and Tuple observations.",
    "Observation is not a NumPy array": "Normal for masks, and for Dict and Tuple observations.",
    "State space for each environment probably should be": "Normal for a Dict or Tuple state.",
    "State is not NumPy array": "Normal for a Dict or Tuple state.",
    "different observation space sizes": "Normal for agents of several kinds; give each kind its own policy.",
    "Observations are different shapes": "Normal for agents of several kinds; give each kind its own policy.",
    "Observations have different number of dimensions": "Normal for agents of several kinds.",
    "Observations between agents are different classes": "Normal for agents of several kinds.",
    "class of observation spaces is different": "Normal for agents of several kinds.",
    "was not given": "Normal where agents come and go in mid-episode.",
    "was dead last turn": "Normal where agents come and go in mid-episode.",
    "not all possible_agents are": "Normal where some agents come later, or not in every episode.",
    "We recommend agents to be named": "get_agent_name() returns another form than NAME_NUMBER.",
}

# Advice for PettingZoo's other warnings, by words of the warning.
_ADVICE = {
    "minimum action space value is -infinity": "Give get_action_space() finite bounds: trainers scale actions to them.",
    "maximum action space value is infinity": "Give get_action_space() finite bounds: trainers scale actions to them.",
    "values are equal": "A number with equal bounds carries no information: remove it, or widen its bounds.",
    "contains infinity": "Return finite numbers only: most trainers cannot use infinity.",
}

_REPORT_BUG = "Fix the other faults first; if there are none, this is a bug of godot-marl: please report it."


class _Arena(Arena):
    """Drops the reset options of PettingZoo's tests, because scenes may reject unknown options."""

    def reset(self, seed: int | None, options: Mapping[str, Any] | None) -> StepResult:
        return super().reset(seed, None if options == _PETTINGZOO_OPTIONS else options)


def run_pettingzoo_tests(game: Game, options: Options, cycles: int) -> Iterator[Finding]:
    """Run those of PettingZoo's tests that apply to the scene.

    Args:
        game: The game.
        options: The environment's options.
        cycles: Steps of each test.
    """
    arena = _Arena(game, options)
    try:
        scene = arena.start()
        if _has_multi_discrete_masks(scene):
            what = "Not run: PettingZoo's tests cannot sample masked actions of a MultiDiscrete space."
            yield Finding(CHECK, Level.NOTE, what)
            return
        run = functools.partial(_run, has_tuples=_has_tuples(scene))
        aec = _aec_of(arena, game)
        if not scene.turns:
            parallel = GodotParallelEnv.of_arena(arena, metadata_of(game))
            yield from run("parallel_api_test", lambda: parallel_api_test(parallel, num_cycles=cycles))
        yield from run("api_test", lambda: api_test(aec, num_cycles=cycles))
        if scene.state_space is not None:
            yield from run("state_test", lambda: _test_state(arena, aec, game, cycles))
    finally:
        arena.close()
    arenas: list[Arena] = []

    def make() -> AECEnv[str, Any, Any]:
        arenas.append(_Arena(game, options))
        return _aec_of(arenas[-1], game)

    try:
        yield from run("seed_test", lambda: seed_test(make, num_cycles=cycles))
    finally:
        for seeded_arena in arenas:
            seeded_arena.close()


def _aec_of(arena: Arena, game: Game) -> AECEnv[str, Any, Any]:
    return OrderEnforcingWrapper(aec_env_of(arena, game))


def _test_state(arena: Arena, aec: AECEnv[str, Any, Any], game: Game, cycles: int) -> None:
    if arena.scene.turns:
        check_state_space(aec)
        check_states(aec, cycles)
        return
    state_test(aec, GodotParallelEnv.of_arena(arena, metadata_of(game)), num_cycles=cycles)


def _run(name: str, test: Callable[[], None], *, has_tuples: bool) -> Iterator[Finding]:
    where = f"pettingzoo.test.{name}"
    finding = Finding(CHECK, Level.OK, f"{name} passes.")
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        try:
            test()
        except GodotMarlError as error:
            finding = Finding.of_error(CHECK, error, f"{name}: ")
        except AssertionError as error:
            finding = Finding(CHECK, Level.FAULT, f"{name}: {error}", where, _REPORT_BUG)
        except Exception as error:  # PettingZoo's tests may raise any error.
            finding = Finding(CHECK, Level.FAULT, f"{name}: {type(error).__name__}: {error}", where, _REPORT_BUG)
            if has_tuples:
                what = f"{name} stopped: it does not support Tuple spaces ({error})."
                finding = Finding(CHECK, Level.NOTE, what, where)
    yield finding
    for text in dict.fromkeys(str(warning.message) for warning in caught if _is_of_test(warning)):
        normal = next((explanation for words, explanation in _NORMAL.items() if words in text), "")
        remedy = next((advice for words, advice in _ADVICE.items() if words in text), "")
        what = f"{name} warns: {' '.join(text.split()).rstrip('.')}. {normal}".rstrip()
        yield Finding(CHECK, Level.NOTE if normal else Level.WARNING, what, remedy=remedy)


def _is_of_test(warning: warnings.WarningMessage) -> bool:
    # Another check reports observations out of bounds; warnings of other categories come from other code.
    return issubclass(warning.category, UserWarning) and not issubclass(warning.category, ObservationOutOfBoundsWarning)


def _has_multi_discrete_masks(scene: SceneDescription) -> bool:
    return any(agent.action_mask and isinstance(agent.action_space, spaces.MultiDiscrete) for agent in scene.agents)


def _has_tuples(scene: SceneDescription) -> bool:
    agent_spaces = [space for agent in scene.agents for space in (agent.observation_space, agent.action_space)]
    return any(_contains_tuple(space) for space in (*agent_spaces, scene.state_space))


def _contains_tuple(space: spaces.Space[Any] | None) -> bool:
    if isinstance(space, spaces.Dict):
        return any(_contains_tuple(member) for member in space.spaces.values())
    return isinstance(space, spaces.Tuple)
