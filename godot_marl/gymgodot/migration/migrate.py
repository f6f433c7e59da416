"""Makes a Godot 4 copy of a Godot 3 project with GymGodot's node, and a report of what that took."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from godot_marl.addon import install_addon
from godot_marl.engine import Engine
from godot_marl.errors import GameNotFoundError, InvalidOptionError
from godot_marl.migration import godot, modern
from godot_marl.migration.gymgodot import GymGodotFiles, Use
from godot_marl.migration.report import MigrationReport, Note, State, changed_lines
from godot_marl.migration.scenes import SceneText
from godot_marl.migration.spaces import find_action_space
from godot_marl.project import Project

_LEFT_OUT = shutil.ignore_patterns(".git", ".import", ".godot", "*.import")
_TEXTS = (".gd", ".tscn", ".tres", ".godot")
_OVERRIDES = "overrides a method from native class"
_TO_LOOK_AT = (
    (
        r"\b(rand_range|randf|randi|randomize)\(",
        "copies in one process share these random numbers: use a RandomNumberGenerator, seeded in set_seed()",
    ),
    (r"\b(File|Directory)\.new\(\)", "Godot 4 has FileAccess and DirAccess, which are opened in another way"),
    (
        r"\bpause_mode\b|\bget_tree\(\)\.paused\b",
        "the bridge pauses nothing between two steps; see whether this is still wanted",
    ),
    (r"\b(rset|rpc_unreliable|remotesync|puppet)\b", "Godot 4 has another multiplayer interface"),
)


def migrate(project: Path, target: Path | None, engine: Engine) -> MigrationReport:
    """Make a Godot 4 copy of a project.

    Args:
        project: The folder of the Godot 3 project. It is only read.
        target: Where to make the copy; None makes it in a temporary folder, for the report alone.
        engine: Godot 4.

    Raises:
        GameNotFoundError: There is no Godot project.
        InvalidOptionError: It is not one of Godot 3, or there is something at the target.
        GameError: Godot could not convert it.
    """
    _check(project, target)
    with tempfile.TemporaryDirectory(
        dir=None if target is None else _made(target.parent), prefix=".migrate-"
    ) as scratch:
        copy = Path(scratch) / "project"
        # A target within the project would be copied into itself.
        shutil.copytree(project, copy, ignore=lambda f, names: {*_LEFT_OUT(f, names), *_named(f, names, scratch)})
        migration = _Migration(project, copy, engine)
        migration.change()
        if target is None:
            return migration.examine()
        # Its import cache belongs to the place where it is made.
        migration.move(target)
        try:
            report = migration.examine()
            (target / "MIGRATION.txt").write_text(f"{report}\n", encoding="utf-8")
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
    return report


class _Migration:
    """One migration: the copy is changed in place, from the inside out."""

    def __init__(self, project: Path, copy: Path, engine: Engine) -> None:
        self._project = project
        self._copy = copy
        self._engine = engine
        self._files = GymGodotFiles(project)
        self._report = MigrationReport(project)

    def change(self) -> None:
        """Make the copy a project of Godot 4."""
        if not self._files.uses:
            why = "a MarlBridge, and a node with the five methods, are what it needs then"
            self._note("project.godot", 0, "no scene of this project has GymGodot's node", why, State.HAND)
        for use in self._files.uses:
            self._exchange(use)
        for name in sorted(self._files.gone):
            path = self._copy / name
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
            self._note(name, 0, "is not in the copy", "the bridge does what GymGodot's node did")
        self._each((".gd",), modern.before_conversion)
        godot.convert(self._engine, self._copy)
        self._each((".gd",), modern.modern_script)
        self._each((".tscn", ".tres"), modern.modern_scene)
        self._each((".godot",), modern.modern_settings)
        for script in dict.fromkeys(map(self._files.agent_script, self._files.uses)):
            if script is not None:
                self._give_action_space(script)
        install_addon(self._copy)
        self._note("addons/godot_marl", 0, "is new", "the addon with the bridge")
        self._tell_changes()
        self._warn()

    def move(self, target: Path) -> None:
        """Put the copy where it shall be."""
        self._copy.rename(target)
        self._copy = self._report.copy = target

    def examine(self) -> MigrationReport:
        """Let Godot 4 look at what came out."""
        Project(self._copy).imported(self._engine)
        self._ask_godot()
        return self._report

    def _exchange(self, use: Use) -> None:
        """Put the bridge where GymGodot's node is."""
        note = f"the node {use.node.path} becomes a MarlBridge with step_length = {use.step_length}"
        if "parent" not in use.node.attributes:
            why = "give the scene another root, with a MarlBridge below it"
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
        self._tell_about_agent(use)

    def _tell_about_agent(self, use: Use) -> None:
        line = use.node.line_of("environmentNode")
        script = self._files.agent_script(use)
        if script is None:
            why = "whatever has the five methods is an agent; see that there is one"
            self._note(use.scene, line, "environmentNode names no node with a script in this scene", why, State.HAND)
            return
        missing = self._files.missing_methods(script)
        if missing:
            why = "an agent has all five methods"
            self._note(script, 0, f"lacks {', '.join(missing)}", why, State.HAND)
        else:
            self._note(script, 0, "its five methods stay as they are", f"{use.agent} is the agent of {use.scene}")

    def _give_action_space(self, script: str) -> None:
        path = self._copy / script
        text = path.read_text(encoding="utf-8")
        if re.search(r"^func get_action_space\b", text, re.MULTILINE):
            return
        users = [self._project / use.scene for use in self._files.uses if self._files.agent_script(use) == script]
        places = dict.fromkeys([(self._project / script).parent, *(user.parent for user in users)])
        if len({self._files.agent_script(use) for use in self._files.uses}) == 1:
            # What trains the only agent may lie anywhere near.
            places[self._project] = None
        found = find_action_space(self._files.texts[script], list(places), self._project)
        if found is None:
            why = "only GymGodot's Python was told the actions: write get_action_space(), or give action_space="
            self._note(script, 0, "no action space was found", why, State.HAND)
            return
        code = f"\n\n# From {found.source}.\nfunc get_action_space() -> Dictionary:\n\treturn {found.code}\n"
        path.write_text(text.rstrip() + "\n" + code, encoding="utf-8")
        state = State.LOOK if found.is_guess else State.DONE
        self._note(script, 0, f"get_action_space() is new: {found.code}", f"from {found.source}", state)

    def _tell_changes(self) -> None:
        for path in sorted(self._project.rglob("*")):
            name = path.relative_to(self._project).as_posix()
            new = self._copy / name
            if path.suffix in _TEXTS and path.is_file() and new.is_file() and not name.startswith("."):
                old_text = path.read_text(encoding="utf-8", errors="replace")
                new_text = new.read_text(encoding="utf-8", errors="replace").partition("\n\n# From ")[0]
                known = [note.line for note in self._report.notes if note.file == name]
                if name in {use.scene for use in self._files.uses}:
                    known += self._lines_of_node(name)
                self._report.notes += changed_lines(name, old_text, new_text, known)

    def _lines_of_node(self, scene: str) -> list[int]:
        nodes = [use.node for use in self._files.uses if use.scene == scene]
        return [node.line + i for node in nodes for i in range(len(node.lines))]

    def _warn(self) -> None:
        """Of what no pattern can change rightly."""
        for name, text in self._files.texts.items():
            if name in self._files.gone:
                continue
            for pattern, why in _TO_LOOK_AT if name.endswith(".gd") else ():
                for number, line in enumerate(text.splitlines(), 1):
                    if re.search(pattern, line.partition("#")[0]):
                        self._note(name, number, line.strip(), why, State.LOOK)
            for gone in sorted(self._files.gone):
                if name.endswith(".gd") and f"res://{gone}" in text:
                    self._note(name, 0, f"names res://{gone}", "which is not in the copy", State.HAND)
            if name.endswith((".tscn", ".tres")) and modern.has_capsules(
                (self._copy / name).read_text(encoding="utf-8")
            ):
                why = "turn their nodes by 90 degrees around x if they were not turned already"
                self._note(name, 0, "capsules lay along z and stand along y now", why, State.LOOK)

    def _ask_godot(self) -> None:
        found = godot.complaints(self._engine, self._copy)
        if any(_OVERRIDES in message for _, _, message in found):
            settings = self._copy / "project.godot"
            text = settings.read_text(encoding="utf-8")
            settings.write_text(
                f"{text.rstrip()}\n\n[debug]\n\ngdscript/warnings/native_method_override=1\n", encoding="utf-8"
            )
            why = "a script has a method with the name of one of its node's, as Godot 3 allowed"
            self._note("project.godot", 0, "native_method_override is a warning only", why)
            found = godot.complaints(self._engine, self._copy)
        for file, line, message in found:
            if message.startswith("unknown property"):
                line = self._line_of_property(file, message.rpartition(".")[2])
                self._note(file, line, message, "Godot 4 leaves it out", State.LOOK)
            else:
                self._note(file, self._line_before(file, line), message, "Godot 4 says so of the copy", State.HAND)

    def _line_of_property(self, scene: str, name: str) -> int:
        lines = self._files.texts.get(scene, "").splitlines()
        return next((i for i, line in enumerate(lines, 1) if re.match(rf"{re.escape(name)}\s*=", line)), 0)

    def _line_before(self, file: str, line: int) -> int:
        """The line of the Godot 3 file that became this line of the copy, if it can be told."""
        lines = (self._copy / file).read_text(encoding="utf-8").splitlines() if line else []
        before = self._files.texts.get(file, "").splitlines()
        text = lines[line - 1] if 0 < line <= len(lines) else None
        return before.index(text) + 1 if before.count(text or "") == 1 and text in before else line

    def _each(self, suffixes: tuple[str, ...], change: object) -> None:
        assert callable(change)
        for path in sorted(self._copy.rglob("*")):
            if path.suffix in suffixes and path.is_file() and ".godot" not in path.relative_to(self._copy).parts[:-1]:
                text = path.read_text(encoding="utf-8", errors="surrogateescape")
                path.write_text(change(text), encoding="utf-8", errors="surrogateescape")

    def _note(self, file: str, line: int, what: str, why: str, state: State = State.DONE) -> None:
        note = Note(file, line, what, why, state)
        if note not in self._report.notes:
            self._report.notes.append(note)


def _check(project: Path, target: Path | None) -> None:
    settings = project / "project.godot"
    if not settings.is_file():
        raise GameNotFoundError(
            "There is no Godot project here.",
            where=str(project),
            expected="a folder with a project.godot",
            got="no such folder" if not project.exists() else "no project.godot in it",
        )
    version = re.search(r"^config_version=(\d+)", settings.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    if version is None or version[1] != "4":
        raise InvalidOptionError(
            "This is no project of Godot 3.",
            where=str(settings),
            expected="config_version=4",
            got=version[0] if version else "no config_version",
            remedy="A project of Godot 4 needs `godot-marl addon install` and a MarlBridge in its scene.",
        )
    if target is not None and target.exists():
        raise InvalidOptionError(
            "There is something where the copy should be.",
            where="--to",
            expected="a folder that does not exist",
            got=str(target),
            remedy="Give another folder with --to, or move this one away.",
        )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _named(folder: str, names: list[str], scratch: str) -> set[str]:
    return {name for name in names if os.path.realpath(os.path.join(folder, name)) == os.path.realpath(scratch)}
