"""Ctrl-C that a program survives, at any moment of a game's start and end: nothing is left, and a reset goes on."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from pages import ROOT
from processes import MARK, becomes_true, marked, new_mark, signal_all

from godot_marl.assets.install import install_addon

# The long form takes minutes.
pytestmark = [
    pytest.mark.godot,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

PROGRAM = ROOT / "tests" / "helpers" / "interrupting.py"


class Survivor:
    """The program, and what it has started."""

    def __init__(self, process: subprocess.Popen[str], mark: str) -> None:
        self._process = process
        self._mark = mark

    def attempt(self, **wish: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(wish) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    @property
    def children(self) -> list[int]:
        """All that it has started and that is still there, dead ones that it has not buried too."""
        pids = {pid for pids in marked(self._mark).values() for pid in pids}
        with contextlib.suppress(psutil.NoSuchProcess):
            pids.update(child.pid for child in psutil.Process(self._process.pid).children())
        return sorted(pids - {self._process.pid})

    def leaves_nothing(self, again: float | None = None) -> bool:
        if becomes_true(lambda: not self.children):
            return True
        if again is None:
            return False
        # The second one came in the few instructions in which the first begins to end the game. It ends with the object
        # then, which a kept exception still knows.
        self.attempt(do="forget")
        return becomes_true(lambda: not self.children)


@pytest.fixture
def survivor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Survivor]:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with subprocess.Popen(
        [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        survivor = Survivor(process, mark)
        yield survivor
        process.kill()
    signal_all(survivor.children, 9)


class Moments:
    """When to interrupt: in the long form at other moments at each run; a failure names its own."""

    def __init__(self, nightly: bool) -> None:
        self._rng = np.random.default_rng(None if nightly else 1)

    def soon_again(self) -> float | None:
        """After how many seconds the clean-up is interrupted, too."""
        return [None, 0.0005, 0.005][self._rng.integers(3)]

    def among(self, total: int, count: int) -> list[int]:
        """So many of the moments 1 to `total`, spread over all of them."""
        step = max(1.0, total / count)
        return sorted({min(total, 1 + int(i * step + self._rng.uniform(0, step))) for i in range(min(count, total))})


@pytest.fixture
def moments(nightly: bool) -> Moments:
    return Moments(nightly)


@pytest.mark.parametrize("do", ["process", "run"])
def test_an_interrupt_at_any_line_of_start_and_end_leaves_no_process(
    survivor: Survivor, moments: Moments, nightly: bool, do: str
) -> None:
    total = survivor.attempt(do=do)["lines"]
    assert total > 60
    for moment in moments.among(total, 150 if nightly else 12):
        again = moments.soon_again()
        survivor.attempt(do=do, lines=moment, again=again)
        assert survivor.leaves_nothing(again), (moment, again)


@pytest.mark.parametrize("do", ["start", "display", "vector"])
def test_an_interrupted_start_leaves_no_process_and_can_be_repeated(
    survivor: Survivor, moments: Moments, scenes: Path, nightly: bool, do: str
) -> None:
    total = survivor.attempt(do=do, project=str(scenes))["lines"]
    if do != "vector":
        survivor.attempt(do="go on")
    assert total > 200
    for moment in moments.among(total, 20 if nightly else 3):
        again = moments.soon_again()
        end = survivor.attempt(do=do, project=str(scenes), lines=moment, again=again)
        # What an environment has that can go on with it is not lost.
        assert end["owned"] or survivor.leaves_nothing(again), (moment, again)
        if do != "vector":
            survivor.attempt(do="go on")
            assert survivor.leaves_nothing(again), (moment, again)


def test_an_interrupted_close_leaves_no_process(
    survivor: Survivor, moments: Moments, scenes: Path, nightly: bool
) -> None:
    within = "Worker.close"
    total = survivor.attempt(do="close", project=str(scenes), within=within)["lines"]
    assert total > 30
    for moment in moments.among(total, 20 if nightly else 4):
        again = moments.soon_again()
        survivor.attempt(do="close", project=str(scenes), lines=moment, again=again, within=within)
        assert survivor.leaves_nothing(again), (moment, again)


def test_an_interrupted_close_ends_a_game_that_ignores_it(survivor: Survivor, scenes: Path) -> None:
    end = survivor.attempt(do="close", project=str(scenes), seconds=0.5, stopped=True)
    assert end["interrupted"]
    assert survivor.leaves_nothing()


def test_an_interrupted_import_leaves_no_process(survivor: Survivor, scenes: Path, tmp_path: Path) -> None:
    project = tmp_path / "fresh"
    project.mkdir()
    for name in ("project.godot", "walker.gd", "walker.tscn"):
        shutil.copy(scenes / name, project)
    install_addon(project)
    (project / ".godot").mkdir()
    end = survivor.attempt(do="import", project=str(project), seconds=0.7)
    assert end["interrupted"]
    assert survivor.leaves_nothing()
