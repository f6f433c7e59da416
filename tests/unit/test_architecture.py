"""The map, the ways and the words of the documentation are those of the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pages import ROOT, table_rows

PAGE, GLOSSARY = "docs/architecture.md", "docs/glossary.md"
PACKAGE, ADDON = ROOT / "godot_marl", ROOT / "godot_addon" / "addons" / "godot_marl"


def map_of(folder: Path) -> list[str]:
    """The paths in the tree of the page that begins with this folder, from top to bottom."""
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    (tree,) = re.findall(rf"^```text\n{folder.relative_to(ROOT)}/\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    parents: list[str] = []
    paths = []
    for line in tree.splitlines():
        indent, name, description = re.fullmatch(r"((?:  )+)(\S+)(?: +(\S.*))?", line).groups()
        del parents[len(indent) // 2 - 1 :]
        paths.append("/".join([*parents, name.removesuffix("/")]))
        assert description, f"no description: {line}"
        if name.endswith("/"):
            parents.append(name.removesuffix("/"))
    assert len(paths) == len(set(paths))
    return paths


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize(("folder", "pattern"), [(PACKAGE, "*.py"), (ADDON, "*.gd")], ids=["python", "addon"])
def test_each_module_and_script_is_on_the_map_and_nothing_else(folder: Path, pattern: str) -> None:
    files = {path for path in folder.rglob(pattern) if path.name != "__init__.py" and "_shipped" not in path.parts}
    folders = {parent for path in files for parent in path.parents if parent.is_relative_to(folder)} - {folder}
    found = map_of(folder)
    assert sorted(found) == sorted(path.relative_to(folder).as_posix() for path in files | folders)


def test_packages_stand_in_the_order_of_the_import_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [
        contract
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == ["godot_marl"]
    ]
    layers = [re.split(r" [|:] ", layer) for layer in contract["layers"]]
    assert [names(row[0]) for row in table_rows(PAGE, "| Row | What it knows |")] == layers
    top = [path.removesuffix(".py") for path in map_of(PACKAGE) if "/" not in path]
    assert top == ["__main__", *(name for layer in layers for name in layer)]


def test_scripts_preload_downwards_in_the_order_of_the_page() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8").partition("## The map of the addon")[2]
    rows = re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
    ranks = {name: rank for rank, row in enumerate(rows) for name in names(row)}
    arrows = set()
    for script in ADDON.rglob("*.gd"):
        source = script.relative_to(ADDON).parts[0]
        if source == "script_templates":
            continue
        for target in re.findall(r'"res://addons/godot_marl/([^"]+\.gd)"', script.read_text(encoding="utf-8")):
            arrows.add((source, target.partition("/")[0]))
    assert len(arrows) > 20
    # The warnings are the bridge's own.
    upward = {(source, target) for source, target in arrows if source != target and ranks[source] >= ranks[target]}
    assert upward == {("editor", "marl_bridge.gd")}


def below(path: str) -> Path:
    """Where a path of the page is: scripts and modules are below their halves."""
    for base in (ROOT, {".py": PACKAGE, ".gd": ADDON}.get(Path(path).suffix, PACKAGE)):
        if (base / path).exists():
            return base / path
    raise AssertionError(f"{PAGE} names {path}, which does not exist")


def test_paths_of_the_page_exist() -> None:
    text = re.sub(r"^```.*?^```", "", (ROOT / PAGE).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    named = {name for name in names(text) if re.fullmatch(r"[\w./]+(/|\.(py|gd|md|toml))|\.ci/run", name)}
    assert len(named) > 60
    # These are not of the repository, or stand for many.
    for path in named - {"addons/godot_marl/", "train.toml", "envs/NAME/"}:
        below(path)


def test_functions_of_the_ways_are_where_the_page_says() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    steps = re.findall(r"`([\w.]+)`\s+in\s+`([\w/]+\.(?:py|gd))`", text)
    assert len(steps) > 45
    missing = []
    for function, path in steps:
        source = below(path).read_text(encoding="utf-8")
        *owner, name = function.split(".")
        found = re.search(rf"^\s*(static )?(def|func|class) {name}\b", source, re.MULTILINE)
        if not found or (owner and not re.search(rf"^class {owner[0]}\b", source, re.MULTILINE)):
            missing.append(f"{function} in {path}")
    assert missing == []


def test_names_of_the_glossary_exist() -> None:
    sources = [*PACKAGE.rglob("*.py"), *ADDON.rglob("*.gd")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources) + "\n".join(path.stem for path in sources)
    text = (ROOT / GLOSSARY).read_text(encoding="utf-8").partition("## Words that are not used")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| (?!---|Word|Verb)", line)]
    assert len(rows) > 50
    for row in rows:
        found = names(row[-1])
        assert found, row
        for name in found:
            if "/" in name:
                assert (ROOT / name).exists(), name
                continue
            for part in name.split("."):
                assert re.search(rf"\b{part}\b", code), name
