"""The documents name what exists: options, arguments, messages, tests."""

from __future__ import annotations

import inspect
import re

import pytest
from pages import ROOT

from godot_marl.assets.paths import example_names
from godot_marl.gymgodot.env import GymGodotServerEnv

# Gymnasium's order of an environment's page.
SECTIONS = [
    "Description",
    "Action Space",
    "Observation Space",
    "State Space",
    "Rewards",
    "Starting State",
    "Episode End",
    "Arguments",
    "Scripted Players",
    "Speed",
    "Training",
    "By hand",
    "Version History",
]
# What one scene alone has.
MORE_SECTIONS = {"cartpole": {"Several Carts"}}


@pytest.mark.parametrize("name", example_names())
def test_scene_readmes_have_the_same_sections_in_the_same_order(name: str) -> None:
    text = (ROOT / "envs" / name / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [section for section in found if section not in MORE_SECTIONS.get(name, ())] == SECTIONS


def test_from_gymgodot_names_every_argument() -> None:
    text = (ROOT / "docs" / "from-gymgodot.md").read_text(encoding="utf-8")
    arguments = list(inspect.signature(GymGodotServerEnv).parameters)
    assert [name for name in arguments if f"`{name}`" not in text] == []


def test_readme_names_every_option() -> None:
    from godot_marl.options import Options

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [name for name in Options.__dataclass_fields__ if f"`{name}`" not in text]
    assert missing == []


def test_guide_quotes_messages_that_exist() -> None:
    table = (ROOT / "docs" / "scenes.md").read_text(encoding="utf-8").partition("## 15. ")[2]
    messages = re.findall(r"^- `([^`]+)`: ", table, re.MULTILINE)
    assert len(messages) == 17
    sources = [*(ROOT / "godot_marl").rglob("*.py"), *(ROOT / "godot_addon").rglob("*.gd")]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    assert [message for message in messages if message not in text] == []


def test_every_promise_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")}
    functions = set(re.findall(r"^def (test_\w+)\(", "\n".join(sources.values()), re.MULTILINE))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert named
    assert named <= functions
    for file in re.findall(r"`(tests/\S+\.py)`", page):
        assert (ROOT / file) in sources, file
    promises, _, _ = page.partition("## Measured results")
    items = re.findall(r"^- \*\*.*\n(?:  .*\n)*", promises, re.MULTILINE)
    assert len(items) > 60
    for item in items:
        _, separator, tests = item.partition("Test")
        assert separator, item
        assert "test_" in tests or "tests/" in tests or "the same" in tests, item
