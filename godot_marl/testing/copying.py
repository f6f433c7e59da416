"""Can the scene be copied: does an arena among three play as one that is alone?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from godot_marl.errors import GodotMarlError, InvalidOptionError
from godot_marl.options import Game, Options
from godot_marl.protocol import SceneDescription
from godot_marl.testing.recording import Recorder, Recording, first_difference
from godot_marl.testing.report import Finding, Level

CHECK = "copies"

_ADVICE = (
    "Look for paths that begin with /root/, get_tree().current_scene, global groups, autoloads, static variables, "
    "get_tree().paused, randf() and other global random numbers, and for a _ready() that changes what is outside. "
    "Inside the scene use relative paths, %UniqueNames or owner, and a RandomNumberGenerator seeded in set_seed(). "
    "Or leave the scene as it is, and give each copy a process of its own."
)


def check_copies(
    game: Game, options: Options, scene: SceneDescription, alone: Recording, steps: int, seed: int
) -> Iterator[Finding]:
    """Compare three copies of the scene in one process with one that is alone.

    Args:
        game: The game.
        options: The environment's options.
        scene: What the handshake said of the scene when it is alone.
        alone: The first episode of a process that has one copy.
        steps: How long it was recorded.
        seed: Its seed.
    """
    if scene.turns:
        yield Finding(CHECK, Level.NOTE, "Not compared: the agents take turns, and copies would wait for one another.")
        return
    # First all alike, which shows what is shared; then neighbours of other seeds around the one that is compared, which
    # shows who looks at a neighbour.
    plans: list[tuple[Sequence[int], Sequence[int]]] = [
        ([seed] * 3, [0, 1, 2]),
        ([seed + 1, seed, seed + 2], [1]),
    ]
    for seeds, compared in plans:
        try:
            with Recorder(game, options, arenas=3) as recorder:
                copied = recorder.scene
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
        if [agent.name for agent in copied.agents] != [agent.name for agent in scene.agents]:
            what = f"A copy of the scene has other agents: {', '.join(agent.name for agent in copied.agents)}."
            yield Finding(CHECK, Level.FAULT, what, scene.agents[0].path, _ADVICE)
            return
        for arena in compared:
            difference = first_difference(scene, episodes[arena], alone)
            if difference:
                yield Finding(
                    CHECK,
                    Level.FAULT,
                    "The scene reaches outside its own subtree: three copies in one process do not play as one alone. "
                    f"In copy {arena + 1}, {difference}.",
                    difference.where,
                    _ADVICE,
                )
                return
    yield Finding(CHECK, Level.OK, "Three copies in one process each play as one alone, to the bit.")
