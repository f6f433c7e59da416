"""`godot-marl bench --soak`, on the real engine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from commands import run
from processes import becomes_true


@pytest.mark.godot
def test_a_short_soak_does_all_that_a_long_one_does(tmp_path: Path) -> None:
    result = run("bench", "--soak", "0.25", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    saved = json.loads((tmp_path / "bench.json").read_text())["soak"]
    counts = saved["counts"]
    assert all(counts[name] > 0 for name in ("steps", "resets", "births", "deaths", "kills", "environments made again"))
    assert counts["restarted workers"] in (counts["kills"], counts["kills"] - 1)
    assert saved["faults"] == []
    assert saved["before"]["processes"] == saved["after"]["processes"] == 0
    assert len(saved["samples"]) > 3
    for sample in saved["samples"]:
        # Four games, each with its supervisor; a sample may lie between a kill and the restart.
        assert sample["usage"]["processes"] >= 6
        assert sample["usage"]["python_mib"] > 10
        assert sample["usage"]["games_mib"] > 40
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")
    for part in ("memory of the games, MiB", "an hour", "cartpole, us a step"):
        assert part in result.output


@pytest.mark.godot
def test_ctrl_c_ends_a_soak_with_what_it_has_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-m", "godot_marl", "bench", "--soak", "30", "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        python = psutil.Process(process.pid)
        # Four games with a supervisor each: all environments have started.
        assert becomes_true(lambda: len(python.children(recursive=True)) >= 8, 60)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    saved = json.loads((tmp_path / "bench.json").read_text())["soak"]
    assert saved["interrupted"] is True
    assert (tmp_path / "soak.png").is_file()
