"""The oldest set of versions, which .ci/run tests, is the one that pyproject.toml promises."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from pages import ROOT

# Tools that no user's code meets.
TOOLS = {"gdtoolkit", "import-linter", "mypy", "pre-commit", "pyyaml", "ruff"}


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return [requirement for requirement in map(Requirement, lines) if requirement.name not in {"godot-marl", *TOOLS}]


def test_oldest_set_is_made_of_the_lower_bounds() -> None:
    bounds = {requirement.name: str(requirement.specifier).removeprefix(">=") for requirement in requirements()}
    text = (ROOT / "tests/versions/oldest.txt").read_text(encoding="utf-8")
    assert dict(re.findall(r"^([^#\s=]+)==(\S+)$", text, re.MULTILINE)) == bounds


def test_every_requirement_has_a_lower_bound_and_no_upper_one() -> None:
    assert [str(r) for r in requirements() if not re.fullmatch(r">=[\d.]+", str(r.specifier))] == []
