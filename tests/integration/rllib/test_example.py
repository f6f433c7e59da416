"""The example script, briefly, on the cluster, as a reader would start it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from pages import ROOT
from ray_cluster import RayCluster

pytestmark = [pytest.mark.godot, pytest.mark.rllib, pytest.mark.timeout(400)]


def test_script_trains_both_policies_and_leaves_no_process(cluster: RayCluster) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs/examples/rllib_tag.py"), "--steps", "600"],
        env={**os.environ, "RAY_ADDRESS": cluster.address},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    number = r"-?\d+\.\d\d"
    assert re.search(rf"^\d+ steps, mean returns: chaser {number}, runner {number}$", done.stdout, re.MULTILINE)
    assert cluster.has_no_game()
