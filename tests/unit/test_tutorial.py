"""The tutorial: run from top to bottom with a short training, and the outputs that are kept in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pages import ROOT
from processes import MARK, leaves_nothing, new_mark
from stable_baselines3 import PPO

TUTORIAL = ROOT / "docs" / "tutorial.ipynb"
STEPS = "512"


def cells(notebook: Path, kind: str = "code") -> list[dict[str, Any]]:
    return [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def printed(notebook: Path) -> str:
    outputs = [output for cell in cells(notebook) for output in cell["outputs"]]
    assert not [output for output in outputs if output.get("name") == "stderr" or output["output_type"] == "error"]
    return "".join("".join(output.get("text", "")) for output in outputs)


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


def test_kept_outputs_are_those_of_a_whole_run() -> None:
    assert [cell["execution_count"] for cell in cells(TUTORIAL)] == list(range(1, len(cells(TUTORIAL)) + 1))
    kept = printed(TUTORIAL)
    for method in ("apply_action", "get_observation", "get_reward", "reset", "is_done"):
        assert f"func {method}(" in kept
    assert "likeliest action: return of an episode 250 of 250" in kept
    means = re.findall(r"mean(?: return of 10 episodes)? (\d+\.\d)", kept)
    assert len(means) == 3
    assert all(240 <= float(mean) <= 250 for mean in means)
    pictures = [
        output for cell in cells(TUTORIAL) for output in cell["outputs"] if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 6


def test_kept_outputs_hold_nothing_of_the_machine_they_come_from() -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    assert len(text) < 2_000_000
    notebook = json.loads(text)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert all(cell["metadata"] == {} for cell in notebook["cells"])
    words = printed(TUTORIAL) + "".join("".join(cell["source"]) for cell in notebook["cells"])
    assert not re.search(r"(?<![\w.])/(work|tmp|root|home|usr)\b", words)


def test_links_and_pictures_of_the_tutorial_exist() -> None:
    text = "".join("".join(cell["source"]) for cell in cells(TUTORIAL, "markdown"))
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]
    assert "pictures/editor.png" in targets
    assert [target for target in targets if not (TUTORIAL.parent / target).exists()] == []
