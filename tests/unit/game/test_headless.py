"""The engine's runs to their end, with a shell script in place of Godot."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from godot_marl.engine import Engine
from godot_marl.game.headless import run_headless

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at its own output in /proc")

SLEEP = shutil.which("sleep") or "sleep"


def test_a_run_that_prints_without_end_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("godot_marl.game.log._LARGEST_LOG", 4000)
    monkeypatch.setattr("godot_marl.game.log._TAIL_BYTES", 100)
    script = tmp_path / "engine"
    is_short = "[ $(stat -Lc %s /proc/$$/fd/1) -le 100 ]"
    script.write_text(f"#!/bin/sh\nseq 1 2000\nuntil {is_short}; do {SLEEP} 0.01; done\necho after\nexit 3\n")
    script.chmod(0o755)
    output, status = run_headless(Engine(script, "4.6.3", "option"), tmp_path, "--import", timeout=5.0)
    assert output.endswith("\n1999\n2000\nafter\n")
    assert status == 3
