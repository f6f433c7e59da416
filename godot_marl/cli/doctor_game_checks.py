"""Checks that a game can start, connect, step and render on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from godot_marl.assets.games import find_game
from godot_marl.cli.doctor_checks import Check
from godot_marl.core.arena import Arena
from godot_marl.engine import Engine
from godot_marl.errors import GameError, GodotMarlError
from godot_marl.game.addon_version import find_mismatch
from godot_marl.game.launch import resolve_command
from godot_marl.options import Options
from godot_marl.protocol.messages import SceneDescription
from godot_marl.testing.trajectory import RandomPlayer

# In seconds. A game that needs more has a problem that doctor must report.
_TIMEOUT = 20.0
_MAX_STEPS = 1000
_MAX_SECONDS = 1.0


def check_game(game: str, scene: str | None, engine: Engine | None, *, with_render: bool = True) -> Iterator[Check]:
    """Play a game for up to a second; checks that depend on a failed one are skipped.

    Args:
        game: The name of an example, or a path.
        scene: The scene to run; None for the main one.
        engine: The engine, or None if there is none.
        with_render: Whether to render an image too.
    """
    parts = ["start", "connect", "addon", "step", *(["render"] if with_render else [])]
    if engine is None:
        yield from (Check(part, "skipped", "there is no engine") for part in parts)
        return
    options: dict[str, Any] = {"scene": scene, "engine": engine.path}
    options |= {"start_timeout": _TIMEOUT, "step_timeout": _TIMEOUT}
    begin = time.perf_counter()
    try:
        path = find_game(game)
        # Imports the project, so that the time of the connection does not include it.
        resolve_command(path, Options.from_kwargs(options))
    except (GodotMarlError, OSError) as error:
        yield Check.of_error("start", error)
        yield from (Check(part, "skipped", "the game cannot be started") for part in parts[1:])
        return
    prepared = time.perf_counter() - begin
    arena = Arena(path, Options.from_kwargs(options))
    try:
        begin = time.perf_counter()
        try:
            arena.start()
        except GodotMarlError as error:
            # GameError itself means that the program did not start; its subclasses come from a running program.
            failed = 0 if type(error) is GameError else 1
            yield from (Check(part, "ok", str(path)) for part in parts[:failed])
            yield Check.of_error(parts[failed], error)
            yield from (Check(part, "skipped", f"the game did not {parts[failed]}") for part in parts[failed + 1 :])
            return
        yield Check("start", "ok", f"{path}, ready in {prepared:.2f} s")
        yield Check("connect", "ok", f"in {time.perf_counter() - begin:.2f} s, {_agents(arena)}")
        yield _check_addon(arena.scene, path)
        try:
            yield Check("step", "ok", _play(arena))
        except GodotMarlError as error:
            yield Check.of_error("step", error)
    finally:
        arena.close()
    if with_render:
        yield _check_render(path, options)


def _check_addon(scene: SceneDescription, game: Path) -> Check:
    mismatch = find_mismatch(scene.addon_version, game)
    if mismatch is None:
        return Check("addon", "ok", f"version {scene.addon_version}, as this package")
    return Check("addon", "warning", mismatch.what, mismatch.remedy)


def _agents(arena: Arena) -> str:
    names = arena.names
    return f"agents: {', '.join(names[:5])}" + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _play(arena: Arena) -> str:
    """Play random actions for up to a second, and describe the speed."""
    slots = {name: slot for slot, name in enumerate(arena.names)}
    player = RandomPlayer(arena.scene)
    seconds, steps, seed = 0.0, 0, 0
    while steps < _MAX_STEPS and seconds < _MAX_SECONDS:
        result = arena.reset(seed, None)
        if not arena.live:
            return "the scene has no agent after a reset"
        while arena.live and steps < _MAX_STEPS and seconds < _MAX_SECONDS:
            acting = [result.turn] if result.turn is not None else arena.live
            actions = {
                name: player.act(seed, steps, slots[name], result.infos.get(name, {}).get("action_mask"))
                for name in acting
            }
            begin = time.perf_counter()
            result = arena.step(actions)
            seconds += time.perf_counter() - begin
            steps += 1
        seed += 1
    return f"{seconds / steps * 1e6:.0f} us a step, over {steps} steps"


def _check_render(path: Path, options: dict[str, Any]) -> Check:
    arena = Arena(path, Options.from_kwargs({**options, "render_mode": "rgb_array"}))
    try:
        begin = time.perf_counter()
        arena.reset(0, None)
        image = arena.render()
    except (GodotMarlError, OSError) as error:
        return Check.of_error("render", error)
    finally:
        arena.close()
    assert image is not None
    height, width, _ = image.shape
    return Check("render", "ok", f"an image of {width}x{height}, {time.perf_counter() - begin:.2f} s after the start")
