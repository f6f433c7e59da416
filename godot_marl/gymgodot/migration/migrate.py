"""Makes a Godot 4 copy of a Godot 3 project with GymGodot's node, and a report of the changes."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from godot_marl.assets.install import install_addon
from godot_marl.engine import Engine
from godot_marl.errors import GameNotFoundError, InvalidOptionError
from godot_marl.game.project import Project
from godot_marl.gymgodot.migration import converter, rewrites
from godot_marl.gymgodot.migration.report import MigrationReport, Note, State, changed_lines
from godot_marl.gymgodot.migration.scanner import GymGodotFiles, Use
from godot_marl.gymgodot.migration.scenes import SceneText
from godot_marl.gymgodot.migration.spaces import find_action_space

_IGNORED = shutil.ignore_patterns(".git", ".import", ".godot", "*.import")
_TEXT_SUFFIXES = (".gd", ".tscn", ".tres", ".godot")
_OVERRIDES = "overrides a method from native class"
# Code that Godot 4 or the bridge may need to be different: patterns, and the reasons.
_REVIEW_PATTERNS = (
    (
        r"\b(rand_range|randf|randi|randomize)\(",
        "copies in one process share these random numbers: use a RandomNumberGenerator, seeded in set_seed()",
    ),
    (r"\b(File|Directory)\.new\(\)", "Godot 4 has FileAccess and DirAccess, which open files in another way"),
    (
        r"\bpause_mode\b|\bget_tree\(\)\.paused\b",
        "the bridge pauses nothing between two steps; check whether the game still needs this",
    ),
    (r"\b(rset|rpc_unreliable|remotesync|puppet)\b", "Godot 4 has another multiplayer interface"),
)


def migrate(project: Path, target: Path | None, engine: Engine) -> MigrationReport:
    """Make a Godot 4 copy of a project.

    Args:
        project: The folder of the Godot 3 project. It is only read.
        target: The folder of the copy; None makes the copy in a temporary folder, only for the report.
        engine: Godot 4.

    Returns:
        The report. It is also written to MIGRATION.txt in the target.

    Raises:
        GameNotFoundError: The folder holds no Godot project.
        InvalidOptionError: The project is not one of Godot 3, or the target exists.
        GameError: Godot could not convert the project.
    """
    _check(project, target)
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=None if target is None else target.parent, prefix=".migrate-") as temporary:
        copy = Path(temporary) / "project"
        # If the target is in the project, the copy must not include itself.
        shutil.copytree(
            project, copy, ignore=lambda f, names: {*_IGNORED(f, names), *_same_folder(f, names, temporary)}
        )
        migration = _Migration(project, copy, engine)
        migration.convert()
        if target is None:
            return migration.check()
        # Move before the import, because the import cache depends on the folder.
        migration.move(target)
        try:
            report = migration.check()
            (target / "MIGRATION.txt").write_text(f"{report}\n", encoding="utf-8")
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
    return report


class _Migration:
    """One migration, which changes the copy in place."""

    def __init__(self, project: Path, copy: Path, engine: Engine) -> None:
        self._project = project
        self._copy = copy
        self._engine = engine
        self._files = GymGodotFiles(project)
        self._report = MigrationReport(project)

    def convert(self) -> None:
        """Convert the copy to a project of Godot 4."""
        if not self._files.uses:
            why = "add a MarlBridge, and a node with the five methods"
            self._note("project.godot", 0, "no scene of this project has GymGodot's node", why, State.HAND)
        for use in self._files.uses:
            self._replace_node(use)
        for name in sorted(self._files.obsolete):
            path = self._copy / name
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
            self._note(name, 0, "is not in the copy", "the bridge replaces GymGodot's node")
        self._rewrite((".gd",), rewrites.before_conversion)
        converter.convert(self._engine, self._copy)
        self._rewrite((".gd",), rewrites.modern_script)
        self._rewrite((".tscn", ".tres"), rewrites.modern_scene)
        self._rewrite((".godot",), rewrites.modern_settings)
        for script in dict.fromkeys(map(self._files.agent_script, self._files.uses)):
            if script is not None:
                self._add_action_space(script)
        install_addon(self._copy)
        self._note("addons/godot_marl", 0, "is new", "the addon with the bridge")
        self._report_changes()
        self._report_open_points()

    def move(self, target: Path) -> None:
        """Move the copy to its final folder."""
        self._copy.rename(target)
        self._copy = self._report.copy = target

    def check(self) -> MigrationReport:
        """Import the copy with Godot 4, add its errors to the report, and return the report."""
        Project(self._copy).imported(self._engine)
        self._report_godot_errors()
        return self._report

    def _replace_node(self, use: Use) -> None:
        """Replace GymGodot's node with the bridge."""
        note = f"the node {use.node.path} becomes a MarlBridge with step_length = {use.step_length}"
        if "parent" not in use.node.attributes:
            why = "add another root to the scene, with a MarlBridge below it"
            self._note(use.scene, use.node.line, "GymGodot's node is the root of this scene", why, State.HAND)
            return
        path = self._copy / use.scene
        scene = SceneText(path.read_text(encoding="utf-8"))
        node = scene.node(use.node.path)
        assert node is not None
        properties = {"step_length": use.step_length}
        if not use.enabled:
            properties["enabled"] = "false"
        scene.put_bridge(node, properties)
        path.write_text(str(scene), encoding="utf-8")
        self._note(use.scene, use.node.line, note, "it finds its agents by their five methods, and pauses nothing")
        self._report_agent(use)

    def _report_agent(self, use: Use) -> None:
        line = use.node.line_of("environmentNode")
        script = self._files.agent_script(use)
        if script is None:
            why = "a node with the five methods is an agent; check that there is one"
            self._note(use.scene, line, "environmentNode is not a node with a script in this scene", why, State.HAND)
            return
        missing = self._files.missing_methods(script)
        if missing:
            why = "an agent has all five methods"
            self._note(script, 0, f"lacks {', '.join(missing)}", why, State.HAND)
        else:
            self._note(script, 0, "its five methods stay as they are", f"{use.agent} is the agent of {use.scene}")

    def _add_action_space(self, script: str) -> None:
        path = self._copy / script
        text = path.read_text(encoding="utf-8")
        if re.search(r"^func get_action_space\b", text, re.MULTILINE):
            return
        scenes = [self._project / use.scene for use in self._files.uses if self._files.agent_script(use) == script]
        folders = dict.fromkeys([(self._project / script).parent, *(scene.parent for scene in scenes)])
        if len({self._files.agent_script(use) for use in self._files.uses}) == 1:
            # The Python that trains the only agent may also be in the project's folder.
            folders[self._project] = None
        found = find_action_space(self._files.texts[script], list(folders), self._project)
        if found is None:
            why = "only GymGodot's Python had the action space: write get_action_space(), or use action_space="
            self._note(script, 0, "no action space was found", why, State.HAND)
            return
        code = f"\n\n# From {found.source}.\nfunc get_action_space() -> Dictionary:\n\treturn {found.code}\n"
        path.write_text(text.rstrip() + "\n" + code, encoding="utf-8")
        state = State.LOOK if found.is_guess else State.DONE
        self._note(script, 0, f"get_action_space() is new: {found.code}", f"from {found.source}", state)

    def _report_changes(self) -> None:
        for path in sorted(self._project.rglob("*")):
            name = path.relative_to(self._project).as_posix()
            new = self._copy / name
            if path.suffix in _TEXT_SUFFIXES and path.is_file() and new.is_file() and not name.startswith("."):
                old_text = path.read_text(encoding="utf-8", errors="replace")
                new_text = new.read_text(encoding="utf-8", errors="replace").partition("\n\n# From ")[0]
                reported = [note.line for note in self._report.notes if note.file == name]
                if name in {use.scene for use in self._files.uses}:
                    reported += self._lines_of_node(name)
                self._report.notes += changed_lines(name, old_text, new_text, reported)

    def _lines_of_node(self, scene: str) -> list[int]:
        nodes = [use.node for use in self._files.uses if use.scene == scene]
        return [node.line + i for node in nodes for i in range(len(node.lines))]

    def _report_open_points(self) -> None:
        """Note the code and nodes that no pattern can convert reliably."""
        for name, text in self._files.texts.items():
            if name in self._files.obsolete:
                continue
            for pattern, why in _REVIEW_PATTERNS if name.endswith(".gd") else ():
                for number, line in enumerate(text.splitlines(), 1):
                    if re.search(pattern, line.partition("#")[0]):
                        self._note(name, number, line.strip(), why, State.LOOK)
            for obsolete in sorted(self._files.obsolete):
                if name.endswith(".gd") and f"res://{obsolete}" in text:
                    self._note(name, 0, f"uses res://{obsolete}", "which is not in the copy", State.HAND)
            if name.endswith((".tscn", ".tres")) and rewrites.has_capsules(
                (self._copy / name).read_text(encoding="utf-8")
            ):
                why = "rotate their nodes by 90 degrees around x if they were not rotated already"
                self._note(name, 0, "capsules extended along z, and extend along y now", why, State.LOOK)

    def _report_godot_errors(self) -> None:
        found = converter.find_errors(self._engine, self._copy)
        if any(_OVERRIDES in message for _, _, message in found):
            settings = self._copy / "project.godot"
            text = settings.read_text(encoding="utf-8")
            settings.write_text(
                f"{text.rstrip()}\n\n[debug]\n\ngdscript/warnings/native_method_override=1\n", encoding="utf-8"
            )
            why = "a script overrides a method of its node, as Godot 3 allowed"
            self._note("project.godot", 0, "native_method_override is only a warning", why)
            found = converter.find_errors(self._engine, self._copy)
        for file, line, message in found:
            if message.startswith("unknown property"):
                line = self._line_of_property(file, message.rpartition(".")[2])
                self._note(file, line, message, "Godot 4 ignores it", State.LOOK)
            else:
                self._note(file, self._old_line(file, line), message, "Godot 4 reports it in the copy", State.HAND)

    def _line_of_property(self, scene: str, name: str) -> int:
        lines = self._files.texts.get(scene, "").splitlines()
        return next((i for i, line in enumerate(lines, 1) if re.match(rf"{re.escape(name)}\s*=", line)), 0)

    def _old_line(self, file: str, line: int) -> int:
        """Return the Godot 3 file's line with the same text as a line of the copy; the copy's if it is not unique."""
        new_lines = (self._copy / file).read_text(encoding="utf-8").splitlines() if line else []
        old_lines = self._files.texts.get(file, "").splitlines()
        text = new_lines[line - 1] if 0 < line <= len(new_lines) else None
        return old_lines.index(text) + 1 if old_lines.count(text or "") == 1 and text in old_lines else line

    def _rewrite(self, suffixes: tuple[str, ...], rewrite: Callable[[str], str]) -> None:
        for path in sorted(self._copy.rglob("*")):
            if path.suffix in suffixes and path.is_file() and ".godot" not in path.relative_to(self._copy).parts[:-1]:
                text = path.read_text(encoding="utf-8", errors="surrogateescape")
                path.write_text(rewrite(text), encoding="utf-8", errors="surrogateescape")

    def _note(self, file: str, line: int, what: str, why: str, state: State = State.DONE) -> None:
        note = Note(file, line, what, why, state)
        if note not in self._report.notes:
            self._report.notes.append(note)


def _check(project: Path, target: Path | None) -> None:
    settings = project / "project.godot"
    if not settings.is_file():
        raise GameNotFoundError(
            "This folder holds no Godot project.",
            where=str(project),
            expected="a folder with a project.godot",
            got="no such folder" if not project.exists() else "no project.godot in it",
        )
    version = re.search(r"^config_version=(\d+)", settings.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    if version is None or version[1] != "4":
        raise InvalidOptionError(
            "This is not a Godot 3 project.",
            where=str(settings),
            expected="config_version=4",
            got=version[0] if version else "no config_version",
            remedy="For a Godot 4 project, run `godot-marl addon install` and add a MarlBridge to its scene.",
        )
    if target is not None and target.exists():
        raise InvalidOptionError(
            "The folder of the copy exists already.",
            where="--to",
            expected="a folder that does not exist",
            got=str(target),
            remedy="Use another folder with --to, or move this one.",
        )


def _same_folder(folder: str, names: list[str], other: str) -> set[str]:
    return {name for name in names if os.path.realpath(os.path.join(folder, name)) == os.path.realpath(other)}
