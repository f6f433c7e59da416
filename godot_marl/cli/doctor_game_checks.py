"""Whether a game can start, connect, step and render on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from godot_marl.arena import Arena
from godot_marl.cli.games import find_game
from godot_marl.cli.health import Check
from godot_marl.engine import Engine
from godot_marl.errors import GameError, GodotMarlError
from godot_marl.launcher import plan_launch
from godot_marl.options import Options
from godot_marl.testing.recording import RandomPlayer

# A game that takes longer than this is one to be looked at.
_TIMEOUT = 20.0
_MOST_STEPS = 1000
_MOST_SECONDS = 1.0


def check_game(game: str, scene: str | None, engine: Engine | None, *, with_render: bool = True) -> Iterator[Check]:
    """Play a game for a moment; what depends on a part that failed is skipped.

    Args:
        game: The name of an example, or a path.
        scene: The scene to run; None for the main one.
        engine: The engine, or None if there is none.
        with_render: Whether to draw a picture too.
    """
    parts = ["start", "connect", "step", *(["render"] if with_render else [])]
    if engine is None:
        yield from (Check(part, "skipped", "there is no engine") for part in parts)
        return
    options: dict[str, Any] = {"scene": scene, "engine": engine.path}
    options |= {"start_timeout": _TIMEOUT, "step_timeout": _TIMEOUT}
    begin = time.perf_counter()
    try:
        path = find_game(game)
        # Imports a project, which takes the longest where it was never done.
        plan_launch(path, Options.of(options))
    except (GodotMarlError, OSError) as error:
        yield Check.of_error("start", error)
        yield from (Check(part, "skipped", "the game cannot be started") for part in parts[1:])
        return
    prepared = time.perf_counter() - begin
    arena = Arena(path, Options.of(options))
    try:
        begin = time.perf_counter()
        try:
            arena.start()
        except GodotMarlError as error:
            # A plain GameError is a program that cannot be started; others were running.
            failed = 0 if type(error) is GameError else 1
            yield from (Check(part, "ok", str(path)) for part in parts[:failed])
            yield Check.of_error(parts[failed], error)
            yield from (Check(part, "skipped", f"the game did not {parts[failed]}") for part in parts[failed + 1 :])
            return
        yield Check("start", "ok", f"{path}, ready in {prepared:.2f} s")
        yield Check("connect", "ok", f"in {time.perf_counter() - begin:.2f} s, {_agents(arena)}")
        try:
            yield Check("step", "ok", _play(arena))
        except GodotMarlError as error:
            yield Check.of_error("step", error)
    finally:
        arena.close()
    if with_render:
        yield _check_picture(path, options)


def _agents(arena: Arena) -> str:
    names = arena.names
    return f"agents: {', '.join(names[:5])}" + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _play(arena: Arena) -> str:
    """Play at random for a moment, and say how fast that was."""
    slots = {name: slot for slot, name in enumerate(arena.names)}
    player = RandomPlayer(arena.scene)
    seconds, steps, seed = 0.0, 0, 0
    while steps < _MOST_STEPS and seconds < _MOST_SECONDS:
        outcome = arena.reset(seed, None)
        before = steps
        while arena.live and steps < _MOST_STEPS and seconds < _MOST_SECONDS:
            acting = [outcome.turn] if outcome.turn is not None else arena.live
            actions = {
                name: player.act(seed, steps, slots[name], outcome.infos.get(name, {}).get("action_mask"))
                for name in acting
            }
            begin = time.perf_counter()
            outcome = arena.step(actions)
            seconds += time.perf_counter() - begin
            steps += 1
        if steps == before:
            return "nobody is there after a reset"
        seed += 1
    return f"{seconds / steps * 1e6:.0f} us a step, over {steps} steps"


def _check_picture(path: Path, options: dict[str, Any]) -> Check:
    arena = Arena(path, Options.of({**options, "render_mode": "rgb_array"}))
    try:
        begin = time.perf_counter()
        arena.reset(0, None)
        frame = arena.render()
    except (GodotMarlError, OSError) as error:
        return Check.of_error("render", error)
    finally:
        arena.close()
    assert frame is not None
    height, width, _ = frame.shape
    return Check("render", "ok", f"a frame of {width}x{height}, {time.perf_counter() - begin:.2f} s after the start")
