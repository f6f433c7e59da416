"""The example scripts are short, and the page lists each."""

from __future__ import annotations

import re

import pytest
from pages import ROOT

FOLDER = ROOT / "docs" / "examples"


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.py")))
def test_script_is_short(name: str) -> None:
    assert len((FOLDER / name).read_text(encoding="utf-8").splitlines()) <= 62


def test_every_script_has_a_row_on_the_page() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"^- \[(.+)\]\((.+)\): .+", page, re.MULTILINE)
    names = sorted(path.name for path in FOLDER.glob("*.py"))
    assert sorted(linked) == [(name, name) for name in names]
    assert "`python docs/examples/sb3_gymnasium.py`" in page
