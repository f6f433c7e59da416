"""Which versions of the addon belong to this package, and what the warning says of others."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from godot_marl.game.addon_version import find_mismatch, log_mismatch
from godot_marl.version import __version__

UNKNOWN = "the game's addons/godot_marl folder"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "my game"
    folder.mkdir()
    (folder / "project.godot").touch()
    return folder


def remedy(theirs: str, game: Path | None, ours: str = "0.10.0") -> str:
    mismatch = find_mismatch(theirs, game, ours)
    assert mismatch is not None
    return mismatch.remedy


@pytest.mark.parametrize("theirs", ["0.10.0", "0.10"])
def test_the_same_version_is_no_mismatch(theirs: str) -> None:
    assert find_mismatch(theirs, None, "0.10.0") is None


@pytest.mark.parametrize("theirs", ["0.9.9", "0.9", "0.1.0", "0.0.0"])
def test_an_older_addon_is_to_be_updated(theirs: str) -> None:
    mismatch = find_mismatch(theirs, None, "0.10.0")
    assert str(mismatch) == (
        f"{UNKNOWN}: The game's addon is version {theirs}, older than this package, which contains version 0.10.0. "
        "Update the addon: godot-marl addon install PROJECT_FOLDER"
    )


@pytest.mark.parametrize("theirs", ["0.10.1", "0.11.0", "1.0", "0.10.0.1", "999999999.0.0"])
def test_a_newer_addon_needs_a_newer_package(theirs: str, project: Path) -> None:
    mismatch = find_mismatch(theirs, project, "0.10.0")
    assert str(mismatch) == (
        f"{project}/addons/godot_marl: The game's addon is version {theirs}, newer than this package, which contains "
        "version 0.10.0. Update the package: pip install --upgrade godot-marl"
    )


@pytest.mark.parametrize(
    ("theirs", "shown"),
    [
        ("", "''"),
        ("1", "'1'"),
        ("0.10.0rc1", "'0.10.0rc1'"),
        ("v0.10.0", "'v0.10.0'"),
        ("0.10.0\n", r"'0.10.0\n'"),
        ("\u0660.10.0", "'\u0660.10.0'"),
        ("9" * 5000 + ".0", f"'{'9' * 40}'"),
        ("0.10.0\n\x1b[31mERROR", r"'0.10.0\n\x1b[31mERROR'"),
    ],
)
def test_what_is_no_version_is_shown_and_the_addon_is_to_be_updated(theirs: str, shown: str) -> None:
    assert str(find_mismatch(theirs, None, "0.10.0")) == (
        f"{UNKNOWN}: The game's addon reports {shown} as its version; this package contains version 0.10.0. "
        "Update the addon: godot-marl addon install PROJECT_FOLDER"
    )


def test_the_command_names_the_project_where_it_is_known(project: Path, tmp_path: Path) -> None:
    for game in (project, project / "project.godot"):
        assert remedy("0.9.0", game) == f"Update the addon: godot-marl addon install '{project}'"
    for game in (tmp_path / "game.pck", tmp_path / "game.x86_64"):
        game.touch()
        assert remedy("0.9.0", game) == (
            "Update the addon of its project, and export the game again: godot-marl addon install PROJECT_FOLDER"
        )


def test_this_packages_version_can_be_compared() -> None:
    assert "older" in str(find_mismatch("0.0.1", None))
    assert find_mismatch(f"{__version__}.0", None) is None


def test_only_a_mismatch_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    log_mismatch(__version__, None)
    assert caplog.records == []
    log_mismatch("0.0.1", None)
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.WARNING, str(find_mismatch("0.0.1", None)))
