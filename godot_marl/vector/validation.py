"""Validates the options and the scene of a batch of arenas."""

from __future__ import annotations

from godot_marl import errors
from godot_marl.options import Game, Options
from godot_marl.protocol.messages import SceneDescription

LAYOUTS = ("separate", "shared")


def validate_options(
    game: Game, options: Options, copies: int, processes: int, layout: str, *, restart_workers: bool
) -> None:
    """Check the options of a vector form.

    Raises:
        InvalidOptionError: An option has a value that cannot work.
    """
    for name, count in (("copies", copies), ("processes", processes)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise _option_error(name, "an integer of at least 1", repr(count))
    if layout not in LAYOUTS:
        raise _option_error("layout", " or ".join(map(repr, LAYOUTS)), repr(layout))
    if not isinstance(restart_workers, bool):
        raise _option_error("restart_workers", "True or False", repr(restart_workers))
    if restart_workers and game is None and options.command is None:
        raise _option_error("restart_workers", "False for a game that you start yourself", "True", "Give a game.")
    if options.human_agents:
        remedy = "Use godot_marl.parallel_env, or `godot-marl play`."
        raise _option_error("human_agents", "no human agents in a vector form", repr(options.human_agents), remedy)


def validate_scene(scene: SceneDescription) -> None:
    """Check that the agents of a scene can be rows of one batch.

    Raises:
        SceneError: They take turns, or do not share one policy, or a reset takes longer than a step.
    """
    if scene.turns:
        raise errors.SceneError(
            "The agents of the scene take turns and cannot be stepped together.",
            where=", ".join(agent.path for agent in scene.agents),
            expected="agents without is_turn()",
            got="agents that take turns",
            remedy="Use godot_marl.env.",
        )
    kinds = {(agent.policy, str(agent.observation_space), str(agent.action_space)) for agent in scene.agents}
    same = all(
        agent.observation_space == scene.agents[0].observation_space
        and agent.action_space == scene.agents[0].action_space
        and agent.action_mask == scene.agents[0].action_mask
        for agent in scene.agents
    )
    if len({policy for policy, _, _ in kinds}) > 1 or not same:
        raise errors.SceneError(
            "The agents of the scene do not share one policy and cannot be rows of one batch.",
            where=", ".join(agent.path for agent in scene.agents),
            expected="one policy, observation space and action space",
            got="; ".join(" ".join(kind) for kind in sorted(kinds)),
            remedy="Use godot_marl.parallel_env, which supports several policies.",
        )
    if scene.settle_frames > scene.step_length:
        raise errors.SceneError(
            "A reset takes longer than a step, but arenas are reset within a step.",
            where="the bridge's settle_frames",
            expected=f"at most step_length, {scene.step_length}",
            got=str(scene.settle_frames),
            remedy="Make the step longer (step_length=), or reduce settle_frames.",
        )


def _option_error(where: str, expected: str, got: str, remedy: str | None = None) -> errors.InvalidOptionError:
    return errors.InvalidOptionError(
        "An option has a value that cannot work.", where=where, expected=expected, got=got, remedy=remedy
    )
