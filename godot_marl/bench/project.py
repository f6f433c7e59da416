"""A temporary copy of the project that is measured, with a scene for each case."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from godot_marl.assets.install import install_addon, prepare_example
from godot_marl.assets.paths import benchmark_project
from godot_marl.bench.cases import Case, World
from godot_marl.engine import Engine
from godot_marl.game.project import Project

_CEILING = """[gd_scene load_steps=2 format=3]

[ext_resource type="Script" path="res://ceiling.gd" id="1_ceiling"]

[node name="Ceiling" type="Node"]
script = ExtResource("1_ceiling")
{properties}
"""


class BenchProject:
    """A temporary copy of the benchmark's project; use it as a context, whose end removes it.

    Args:
        engine: The Godot that runs it.

    Attributes:
        folder: Where it is.
        engine: The Godot that runs it.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._scratch = tempfile.TemporaryDirectory(prefix="godot-marl-bench-", ignore_cleanup_errors=True)
        self.folder = Path(self._scratch.name) / "project"

    def __enter__(self) -> BenchProject:
        try:
            shutil.copytree(
                benchmark_project(), self.folder, ignore=shutil.ignore_patterns(".godot", "addons", "*.uid")
            )
            install_addon(self.folder)
        except BaseException:
            self._scratch.cleanup()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scratch.cleanup()

    def write_scenes(self, cases: Iterable[Case], *, seconds: float, falls: bool = False) -> None:
        """Write the scenes of these cases.

        Args:
            cases: What will be measured.
            seconds: How long the ceilings measure.
            falls: Whether an episode ends when the pole falls; only the ceilings never end early.
        """
        template = (self.folder / "carts.tscn").read_text(encoding="utf-8")
        for world in {case.world for case in cases if case.world.game == "carts"}:
            assert world.scene is not None
            assert world.ceiling_scene is not None
            properties = _properties_of(world)
            scene = set_root_properties(template, [*properties, f"falls = {str(falls).lower()}"])
            (self.folder / world.scene).write_text(scene, encoding="utf-8")
            properties += [f"arenas = {world.copies}", f"seconds = {seconds:f}"]
            ceiling = _CEILING.format(properties="\n".join(properties))
            (self.folder / world.ceiling_scene).write_text(ceiling, encoding="utf-8")

    def import_scenes(self) -> None:
        """Import the project now, so that no measurement includes it.

        Raises:
            GameImportError: Godot could not import it.
        """
        Project(self.folder).imported(self.engine)

    def game_of(self, world: World) -> Path:
        """The project that a world belongs to."""
        return self.folder if world.game == "carts" else prepare_example(world.game)


def set_root_properties(scene: str, properties: Iterable[str]) -> str:
    """The text of a scene with these properties (`name = value`) added to its root node.

    Args:
        scene: The text of a .tscn file whose root node has a script.
        properties: The lines to add.
    """
    before, script, after = scene.partition("script = ")
    first, _, rest = after.partition("\n")
    return before + script + "\n".join([first, *properties]) + "\n" + rest


def _properties_of(world: World) -> list[str]:
    return [
        f"agents = {world.agents_of_an_arena}",
        f"numbers = {world.numbers}",
        f"pictures = {str(world.observation == 'image').lower()}",
    ]
