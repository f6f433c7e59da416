"""Run `godot-marl doctor --json`, and read its report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from commands import run

PARTS = ["start", "connect", "step", "render"]


def doctor(*arguments: str | Path, status: int = 1) -> dict[str, dict[str, Any]]:
    """The checks by name, from what scripts read."""
    result = run("doctor", *arguments, "--json")
    assert result.exit_code == status, result.output
    report = json.loads(result.stdout)
    assert report["ok"] == (status == 0)
    return {check.pop("name"): check for check in report["checks"]}


def states(checks: dict[str, dict[str, Any]], *names: str) -> list[str]:
    return [checks[name]["state"] for name in names or PARTS]
