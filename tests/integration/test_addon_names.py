"""A game may give its own classes any name but MarlBridge and MarlSpace: no other name of the addon is in the way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from one_agent_game import AGENT, TROUBLE, OneAgentGame

from godot_marl.assets.install import install_addon
from godot_marl.engine import Engine

pytestmark = pytest.mark.godot

PUBLIC = {"MarlBridge", "MarlSpace"}
# The names that broke the addon 0.1.0, and two of its classes that a game is likely to choose.
FORMER = {"State", "Phase", "Order", "Flag", "Section", "Opcode", "MarlAgent", "MarlKeys"}
# What a script declares at its top level, and the values of its enums.
DECLARED = re.compile(r"^(?:static )?(?:class_name|class|enum|const|var|signal|func) (\w+)", re.MULTILINE)
ENUM = re.compile(r"^enum \w* ?\{([^}]*)\}", re.MULTILINE)
# A name like that of a type: it begins with a capital letter.
TYPE_NAME = re.compile(r"[A-Z]\w*")
# Warnings that are errors, in the addon's scripts as well.
WARNINGS = [
    "untyped_declaration",
    "shadowed_global_identifier",
    "shadowed_variable",
    "shadowed_variable_base_class",
    "unused_variable",
    "unused_parameter",
    "unused_private_class_variable",
    "unused_local_constant",
    "unreachable_code",
    "integer_division",
    "narrowing_conversion",
    "int_as_enum_without_cast",
    "unsafe_property_access",
]


def type_names_of(addon: Path) -> set[str]:
    """All names of types and constants that the addon's scripts declare."""
    names = set[str]()
    for script in addon.rglob("*.gd"):
        text = script.read_text()
        names.update(DECLARED.findall(text))
        for values in ENUM.findall(text):
            names.update(value.split("=")[0].strip() for value in values.split(","))
    return {name for name in names if TYPE_NAME.fullmatch(name)}


def test_the_scan_finds_what_a_script_declares(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "script.gd").write_text(
        "class_name MarlKeys\nenum State { OPEN, LOST = 2 }\nconst FIN := 1\nconst _Hidden := 2\n"
        'const Frame := preload("frame.gd")\nclass Inner:\n\tpass\nstatic func of() -> State:\n\treturn State.OPEN\n'
    )
    assert type_names_of(tmp_path) == {"MarlKeys", "State", "OPEN", "LOST", "FIN", "Frame", "Inner"}


def test_a_game_whose_classes_have_the_names_of_the_addon_plays(engine: Engine, tmp_path: Path) -> None:
    game = OneAgentGame(engine, tmp_path)
    declared = type_names_of(install_addon(tmp_path))
    assert declared > PUBLIC
    # One of them is a base class of the game's agents, as an author might call it.
    (tmp_path / "marl_agent.gd").write_text(f"class_name MarlAgent\n{AGENT}")
    (tmp_path / "player.gd").write_text("extends MarlAgent\n")
    for index, name in enumerate(sorted((declared | FORMER) - PUBLIC - {"MarlAgent"})):
        (tmp_path / f"class_{index}.gd").write_text(f"class_name {name}\nextends Node\n")
    output = game.run("--import") + game.play()
    assert not TROUBLE.search(output), output


def test_the_addon_has_no_warning_and_starts_before_the_first_import(engine: Engine, tmp_path: Path) -> None:
    game = OneAgentGame(engine, tmp_path, "".join(f"gdscript/warnings/{warning}=2\n" for warning in WARNINGS))
    state = install_addon(tmp_path) / "arena" / "marl_arena_state.gd"
    output = game.play()
    assert not TROUBLE.search(output), output
    # A warning would have been found. The bridge does not wait for Python this time.
    with (tmp_path / "main.tscn").open("a") as scene:
        scene.write("enabled = false\n")
    state.write_text(state.read_text().replace("var space := {}", "var space = {}"))
    assert "(Warning treated as error.)" in game.run("--quit-after", "2", "--scene", "main.tscn")
