"""The form of the documents: their width, and words that neither they nor the code use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pages import ROOT

WIDTH = 120
# Each of these hides the subject (a client, a process, an agent) or is not the field's word.
FORBIDDEN = ("nobody", "whoever", "somebody", "is told", "are told", "asks anew", "no number")
# A line break inside a phrase may be followed by the mark of a comment.
_WORDS = re.compile(
    r"\b(?:" + "|".join(words.replace(" ", r"\s+(?:#+\s*)?") for words in FORBIDDEN) + r")\b", re.IGNORECASE
)

PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("envs/*/README.md"),
        ROOT / "benchmarks" / "README.md",
        *(ROOT / "tests").glob("*.md"),
        *(ROOT / "tests").glob("golden/*.md"),
    }
)
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
EXAMPLES = sorted([*(ROOT / "docs").rglob("*.py"), *(ROOT / "docs").rglob("*.gd"), *ROOT.glob("envs/*/*.gd")])
SOURCES = sorted(
    [
        *(ROOT / "godot_marl").rglob("*.py"),
        *(ROOT / "godot_addon").rglob("*.gd"),
        *(ROOT / "benchmarks").rglob("*.py"),
        *(ROOT / "benchmarks").rglob("*.gd"),
    ]
)


def text_of(path: Path) -> str:
    """What a reader sees of a file; of a notebook its sources, without their outputs."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])


def wide_lines(path: Path) -> list[str]:
    """The lines that are too wide although they have a space at which they could be broken."""
    lines = enumerate(text_of(path).splitlines(), 1)
    return [
        f"{path.relative_to(ROOT)}:{number}: {len(line)} columns"
        for number, line in lines
        if len(line) > WIDTH and " " in re.sub(r"^\s*(?:[-*] |\d+\. )?", "", line)
    ]


def forbidden_words(path: Path) -> list[str]:
    """Each use of a forbidden word in a file."""
    text, name = text_of(path), path.relative_to(ROOT)
    found = [(1 + text[: match.start()].count("\n"), " ".join(match[0].split())) for match in _WORDS.finditer(text)]
    return [f"{name}:{line}: {words}" for line, words in found]


def report(hits: list[str]) -> str:
    return f"{len(hits)} hits:\n" + "\n".join(hits)


def test_no_line_of_a_document_is_wider_than_120_columns() -> None:
    assert ROOT / "README.md" in PAGES
    assert ROOT / "docs" / "protocol.md" in PAGES
    hits = [hit for path in [*PAGES, NOTEBOOK] for hit in wide_lines(path)]
    assert hits == [], report(hits)


def test_documents_and_examples_use_no_forbidden_words() -> None:
    hits = [hit for path in [*PAGES, NOTEBOOK, *EXAMPLES] for hit in forbidden_words(path)]
    assert hits == [], report(hits)


def test_package_and_addon_use_no_forbidden_words() -> None:
    assert {path.suffix for path in SOURCES} == {".py", ".gd"}
    hits = [hit for path in SOURCES for hit in forbidden_words(path)]
    assert hits == [], report(hits)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Nobody asks.", ["nobody"]),
        ("the game is\n# told", ["is told"]),
        ("a value with no\n  number", ["no number"]),
        ("no_number, no numbers, the bodies", []),
    ],
)
def test_forbidden_words_are_found_across_lines(text: str, found: list[str]) -> None:
    words = [re.sub(r"\s+(?:#+\s*)?", " ", match[0]).lower() for match in _WORDS.finditer(text)]
    assert words == found
