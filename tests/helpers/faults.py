"""What the tests of faults share: the text of an error, and how to run into one."""

from __future__ import annotations

from collections.abc import Callable

from godot_marl.parallel import GodotParallelEnv

MakeEnv = Callable[..., GodotParallelEnv]


def told(what: str, *, where: str = "", expected: str = "", got: str = "", remedy: str = "") -> str:
    """The text of an error."""
    parts = {"where": where, "expected": expected, "got": got, "what to do": remedy}
    return "\n".join([what, *(f"  {label}: {text}" for label, text in parts.items() if text)])


def play(env: GodotParallelEnv, steps: int = 2) -> None:
    """Reset, and some steps; the errors of scenes come from here."""
    env.reset(seed=1)
    for _ in range(steps):
        env.step(dict.fromkeys(env.agents, 1))
