"""The scene as a PettingZoo AECEnv."""

from __future__ import annotations

from typing import Any

from pettingzoo import AECEnv
from pettingzoo.utils.conversions import parallel_to_aec_wrapper
from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from godot_marl.arena import Arena
from godot_marl.options import Game, Options
from godot_marl.parallel import GodotParallelEnv, metadata_of
from godot_marl.turns import GodotTurnEnv


def raw_env(game: Game = None, **options: Any) -> AECEnv[str, Any, Any]:
    """Make a PettingZoo AECEnv of a Godot scene, without the wrapper that enforces the order of calls.

    The game starts at once. Where the agents of the scene have `is_turn()`, its rules say whose turn it is; else all
    agents of a round act on the same step of the game, as in PettingZoo's own conversion of parallel environments.

    Args:
        game: A project folder, an exported executable, or a .pck file. None waits for a game that the user starts.
        **options: See `godot_marl.options.Options`.

    Raises:
        InvalidOptionError: An option is unknown, or its value cannot work.
        GodotMarlError: The game could not be started; the type tells why.
    """
    arena = Arena(game, Options.of(options))
    try:
        if arena.start().turns:
            metadata = metadata_of(game)
            metadata["render_fps"] = arena.render_fps
            return GodotTurnEnv(arena, metadata)
        return to_aec(GodotParallelEnv.of_arena(arena, metadata_of(game)))
    except BaseException:
        # Ctrl-C, before anybody has what could be closed.
        arena.close()
        raise


def env(game: Game = None, **options: Any) -> AECEnv[str, Any, Any]:
    """Make a PettingZoo AECEnv of a Godot scene. The game starts at once.

    Args and errors are those of `raw_env`.
    """
    return OrderEnforcingWrapper(raw_env(game, **options))


def to_aec(parallel: GodotParallelEnv) -> AECEnv[str, Any, Any]:
    """Start a parallel environment and turn it into an AECEnv without the wrapper that enforces the order of calls."""
    parallel.start()
    return parallel_to_aec_wrapper(parallel)
