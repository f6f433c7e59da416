"""What a migration tells its reader: file by file, which line, what, why, and whether the copy has it."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

_WIDTH = 72
# Why a line changed, by what was in it. Whatever is not here has only another name in Godot 4.
_REASONS = (
    (r"^\s*(export|onready|tool)\b", "Godot 4 writes this as an annotation"),
    (r"\byield\b", "Godot 4 waits with await"),
    (r"\bconnect\(", "a signal is connected to a Callable"),
    (r"move_and_slide\(", "the body keeps its velocity itself"),
    (r"apply_(impulse|force)\(", "the force comes first, then its place"),
    (r"\bfuncref\(|\.call_func\(", "a Callable is what a FuncRef was"),
    (r"JSON\.parse\(|\bparse_json\(", "JSON is read with parse_string"),
    (r"^config_version", "5 is Godot 4's"),
    (r"physics_engine", "Bullet is not in Godot 4; its own physics engine moves bodies a little differently"),
    (r"^\[gd_(scene|resource)", "3 is Godot 4's format"),
    (r"^extents|^(radius|height|mid_height|top_radius|bottom_radius|size) = ", "Godot 4 counts the whole of a shape"),
    (r"_damp(_mode)?\b", "Godot 4 would add the project's damping to it"),
    (r"^quality/driver", "Godot 4's OpenGL renderer"),
    (r"^\[ext_resource", "the bridge is one script"),
    (r"^; Project was converted", "Godot's converter leaves it"),
)


class State(enum.Enum):
    """How far a change is."""

    DONE = "done"
    LOOK = "look at it"
    HAND = "by hand"


@dataclass(frozen=True)
class Note:
    """One thing that a file needs.

    Attributes:
        file: The file, from the project's folder.
        line: Its line in the Godot 3 project; 0 for the whole file.
        what: What changes.
        why: Why it does.
        state: Whether the copy has it.
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
        copy: The Godot 4 project; None if only the report was asked for.
        notes: In the order in which they were found.
    """

    project: Path
    copy: Path | None = None
    notes: list[Note] = field(default_factory=list)

    def of_state(self, state: State) -> list[Note]:
        """The notes of one state."""
        return [note for note in self.notes if note.state is state]

    def __str__(self) -> str:
        files = sorted({note.file for note in self.notes})
        parts = [f"{file}\n" + "\n".join(map(str, self._of_file(file))) for file in files]
        return "\n\n".join([*parts, self.summary()])

    def _of_file(self, file: str) -> list[Note]:
        return sorted((note for note in self.notes if note.file == file), key=lambda note: note.line)

    def summary(self) -> str:
        """One line."""
        counts = {state: len(self.of_state(state)) for state in State}
        return (
            f"{counts[State.DONE]} changes done in the copy, {counts[State.LOOK]} to look at, "
            f"{counts[State.HAND]} left to be done by hand"
        )


def changed_lines(file: str, old: str, new: str, known: Iterable[int]) -> list[Note]:
    """A note for each difference between two versions of a file, but for lines that have a note already."""
    before, after = old.splitlines(), new.splitlines()
    told = set(known)
    notes: list[Note] = []
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal" or told & set(range(i + 1, j + 1)):
            continue
        if j - i == m - k:
            pairs = [(i + n, before[i + n], after[k + n]) for n in range(j - i)]
        else:
            pairs = [(i, " / ".join(before[i:j]), " / ".join(after[k:m]))]
        notes += [
            _changed_line(file, line + 1, was, becomes)
            for line, was, becomes in pairs
            if was.strip() or becomes.strip()
        ]
    return notes


def _changed_line(file: str, line: int, was: str, becomes: str) -> Note:
    why = next((why for pattern, why in _REASONS if re.search(pattern, was or becomes)), "renamed in Godot 4")
    if not becomes.strip():
        return Note(file, line, f"{_short(was)}  goes", why)
    if not was.strip():
        return Note(file, line, f"{_short(becomes)}  is new", why)
    return Note(file, line, f"{_short(was)}  ->  {_short(becomes)}", why)


def _short(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."
