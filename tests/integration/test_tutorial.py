"""The tutorial runs from top to bottom, with a short training."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from notebooks import TUTORIAL, printed
from processes import MARK, leaves_nothing, new_mark
from stable_baselines3 import PPO

STEPS = "512"


@pytest.mark.godot
@pytest.mark.timeout(300)
@pytest.mark.nightly
def test_tutorial_runs_from_top_to_bottom_and_writes_what_it_says(tmp_path: Path) -> None:
    notebook = Path(shutil.copy(TUTORIAL, tmp_path))
    mark = new_mark()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbmake", "--overwrite", "-p", "no:cacheprovider", notebook],
        cwd=tmp_path,
        env={**os.environ, MARK: mark, "TUTORIAL_STEPS": STEPS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert leaves_nothing(mark)
    run = tmp_path / "runs" / "tutorial"
    steps = re.search(r"the files: 0\.png to (\d+)\.png", printed(notebook))
    assert steps
    assert {path.name for path in (run / "episode").iterdir()} == {f"{i}.png" for i in range(int(steps[1]) + 1)}
    assert [path.name for path in (run / "frames").iterdir()] == ["0.png"]
    assert (run / "cartpole.mp4").stat().st_size > 1000
    for model in ("cartpole_model", "several_carts_model"):
        assert PPO.load(run / model, device="cpu").num_timesteps >= int(STEPS)
    for log in ("PPO_1", "several_carts_1"):
        assert len(list((run / "tensorboard" / log).glob("events.*"))) == 1
