"""The example scripts, briefly, for real: each as a program of its own, as a reader would start it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT
from processes import MARK, leaves_nothing, new_mark

pytestmark = pytest.mark.godot

FOLDER = ROOT / "docs" / "examples"
STEPS = "256"
# Enough for the opponent to be replaced.
SELF_PLAY = ("maskable_self_play.py", "--steps", "1024")
# What each prints, by its arguments.
NUMBER = r"\d+(\.\d+)?"
PRINTS = {
    ("sb3_gymnasium.py",): rf"mean return of 5 episodes: {NUMBER} \+- {NUMBER}\n",
    ("sb3_vec_env.py",): rf"mean return of 16 episodes: {NUMBER} \+- {NUMBER}\n",
    ("sb3_supersuit_one_agent.py",): rf"return of a new episode: {NUMBER}\n",
    ("sb3_several_carts.py",): rf"(cart_\d: return of a new episode {NUMBER}\n){{4}}",
    ("sb3_several_carts.py", "--padding", "supersuit"): rf"(cart_\d: return of a new episode {NUMBER}\n){{4}}",
    SELF_PLAY: r"won \d+ of 50 games against a random player, lost \d+\n",
}


@pytest.mark.parametrize("arguments", PRINTS, ids=" ".join)
def test_script_trains_prints_its_result_and_leaves_no_process(arguments: tuple[str, ...], tmp_path: Path) -> None:
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    mark = new_mark()
    done = subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / arguments[0]), "--steps", STEPS, *arguments[1:]],
        cwd=here,
        env={**os.environ, MARK: mark, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(PRINTS[arguments], done.stdout)
    assert leaves_nothing(mark)
    assert list(here.iterdir()) == []
    # stable-baselines3 and torch leave folders of their own.
    assert list(temporary.glob("godot*")) == []
