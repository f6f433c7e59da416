"""Checks that a scene can be copied: an arena among three plays as a single one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from godot_marl.errors import GodotMarlError, InvalidOptionError
from godot_marl.options import Game, Options
from godot_marl.protocol.messages import SceneDescription
from godot_marl.testing.report import Finding, Level
from godot_marl.testing.trajectory import Recorder, Recording, first_difference

CHECK = "copies"

_ADVICE = (
    "Look for paths that begin with /root/, get_tree().current_scene, global groups, autoloads, static variables, "
    "get_tree().paused, randf() and other global random numbers, and for a _ready() that changes nodes outside of the "
    "scene. Inside the scene use relative paths, %UniqueNames or owner, and a RandomNumberGenerator seeded in "
    "set_seed(). Or leave the scene as it is, and run one copy in each process."
)


def check_copies(
    game: Game, options: Options, scene: SceneDescription, single: Recording, steps: int, seed: int
) -> Iterator[Finding]:
    """Compare three copies of the scene in one process with a single one.

    Args:
        game: The game.
        options: The environment's options.
        scene: The description of the scene in a process with a single copy.
        single: The first episode of a process with a single copy.
        steps: The recording's steps.
        seed: The recording's seed.
    """
    if scene.turns:
        yield Finding(CHECK, Level.NOTE, "Not compared: the agents take turns, and copies would wait for one another.")
        return
    # Equal seeds reveal state that the copies share; other seeds in the neighbours reveal an access to a neighbour.
    cases: list[tuple[Sequence[int], Sequence[int]]] = [
        ([seed] * 3, [0, 1, 2]),
        ([seed + 1, seed, seed + 2], [1]),
    ]
    for seeds, compared_arenas in cases:
        try:
            with Recorder(game, options, arenas=3) as recorder:
                copied_scene = recorder.scene
                episodes = recorder.play(seeds, steps)
        except InvalidOptionError as error:
            if error.where != "arenas":
                yield Finding.of_error(CHECK, error, "The scene cannot be copied: ")
                return
            yield Finding(
                CHECK,
                Level.NOTE,
                "Not compared: the node above the agents is not the root of a scene file, or the bridge itself, so it "
                "cannot be copied.",
                "the bridge's arena_root",
                "Save that branch as a scene of its own.",
            )
            return
        except GodotMarlError as error:
            fault = Finding.of_error(CHECK, error, "The scene reaches outside its own subtree; when copied, it fails: ")
            yield Finding(CHECK, Level.FAULT, fault.what, fault.where, _ADVICE)
            return
        if [agent.name for agent in copied_scene.agents] != [agent.name for agent in scene.agents]:
            what = f"A copy of the scene has other agents: {', '.join(agent.name for agent in copied_scene.agents)}."
            yield Finding(CHECK, Level.FAULT, what, scene.agents[0].path, _ADVICE)
            return
        for arena in compared_arenas:
            difference = first_difference(scene, episodes[arena], single)
            if difference:
                yield Finding(
                    CHECK,
                    Level.FAULT,
                    "The scene reaches outside its own subtree: three copies in one process do not play as a single "
                    "one. "
                    f"In copy {arena + 1}, {difference}.",
                    difference.where,
                    _ADVICE,
                )
                return
    yield Finding(CHECK, Level.OK, "Three copies in one process each play exactly as a single one.")
