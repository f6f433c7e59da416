"""The report of a migration: the changes of each file, their reasons, and whether the copy has them."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

_WIDTH = 72
# Reasons by patterns of the changed line. Other lines only have another name in Godot 4.
_REASONS = (
    (r"^\s*(export|onready|tool)\b", "Godot 4 writes this as an annotation"),
    (r"\byield\b", "Godot 4 waits with await"),
    (r"\bconnect\(", "a signal is connected to a Callable"),
    (r"move_and_slide\(", "the body stores its velocity"),
    (r"apply_(impulse|force)\(", "the force comes before its position"),
    (r"\bfuncref\(|\.call_func\(", "a Callable replaces the FuncRef"),
    (r"JSON\.parse\(|\bparse_json\(", "parse_string reads JSON"),
    (r"^config_version", "Godot 4 has version 5"),
    (r"physics_engine", "Godot 4 has no Bullet; its physics engine moves bodies a little differently"),
    (r"^\[gd_(scene|resource)", "Godot 4 has format 3"),
    (r"^extents|^(radius|height|mid_height|top_radius|bottom_radius|size) = ", "Godot 4 uses a shape's whole size"),
    (r"_damp(_mode)?\b", "Godot 4 would add the project's damping"),
    (r"^quality/driver", "Godot 4's OpenGL renderer"),
    (r"^\[ext_resource", "the bridge is one script"),
    (r"^; Project was converted", "Godot's converter adds it"),
)


class State(enum.Enum):
    """Whether the copy has a change, and what is left to do."""

    DONE = "done"
    LOOK = "look at it"
    HAND = "by hand"


@dataclass(frozen=True)
class Note:
    """One change that a file needs.

    Attributes:
        file: The file, relative to the project's folder.
        line: The line in the Godot 3 project, from 1; 0 for the whole file.
        what: The change.
        why: The reason.
        state: Whether the copy has the change.
    """

    file: str
    line: int
    what: str
    why: str
    state: State = State.DONE

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else "all"
        return f"  {where:<9} {self.state.value:<10}  {self.what}  ({self.why})"


@dataclass
class MigrationReport:
    """All notes of a migration.

    Attributes:
        project: The Godot 3 project.
        copy: The Godot 4 project; None if there is only the report.
        notes: The notes, in the order in which they were found.
    """

    project: Path
    copy: Path | None = None
    notes: list[Note] = field(default_factory=list)

    def of_state(self, state: State) -> list[Note]:
        """Return the notes of one state."""
        return [note for note in self.notes if note.state is state]

    def __str__(self) -> str:
        files = sorted({note.file for note in self.notes})
        parts = [f"{file}\n" + "\n".join(map(str, self._of_file(file))) for file in files]
        return "\n\n".join([*parts, self.summary()])

    def _of_file(self, file: str) -> list[Note]:
        return sorted((note for note in self.notes if note.file == file), key=lambda note: note.line)

    def summary(self) -> str:
        """Return the numbers of notes of each state as one line."""
        counts = {state: len(self.of_state(state)) for state in State}
        return (
            f"{counts[State.DONE]} changes done in the copy, {counts[State.LOOK]} to look at, "
            f"{counts[State.HAND]} left to be done by hand"
        )


def changed_lines(file: str, old: str, new: str, reported: Iterable[int]) -> list[Note]:
    """Make a note for each difference between two versions of a file.

    Args:
        file: The file, relative to the project's folder.
        old: The text in the Godot 3 project.
        new: The text in the copy.
        reported: The lines of the Godot 3 file that have a note already, from 1.
    """
    before, after = old.splitlines(), new.splitlines()
    skipped = set(reported)
    notes: list[Note] = []
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal" or skipped & set(range(i + 1, j + 1)):
            continue
        if j - i == m - k:
            pairs = [(i + n, before[i + n], after[k + n]) for n in range(j - i)]
        else:
            pairs = [(i, " / ".join(before[i:j]), " / ".join(after[k:m]))]
        notes += [
            _changed_line(file, line + 1, old_text, new_text)
            for line, old_text, new_text in pairs
            if old_text.strip() or new_text.strip()
        ]
    return notes


def _changed_line(file: str, line: int, old: str, new: str) -> Note:
    why = next((why for pattern, why in _REASONS if re.search(pattern, old or new)), "renamed in Godot 4")
    if not new.strip():
        return Note(file, line, f"{_shorten(old)}  is removed", why)
    if not old.strip():
        return Note(file, line, f"{_shorten(new)}  is new", why)
    return Note(file, line, f"{_shorten(old)}  ->  {_shorten(new)}", why)


def _shorten(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."
