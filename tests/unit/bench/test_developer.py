"""What a checkout measures and an installed wheel does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import run
from pages import ROOT

from godot_marl.assets import paths
from godot_marl.bench.developer import load_run
from godot_marl.errors import MissingDependencyError

FLAGS = [
    ("--learning",),
    ("--memory", "400"),
    ("--soak", "1"),
    ("--godot-rl-addon", "folder"),
    ("--form", "ppo"),
    ("--form", "rival"),
    ("--form", "vector,rival-sb3"),
]


def test_a_checkout_has_them() -> None:
    assert paths.developer_benchmarks() == ROOT / "benchmarks"
    assert load_run("a test").__name__ == "godot_marl_benchmarks.run"


def test_a_wheel_has_only_what_it_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "_CHECKOUT", tmp_path)
    assert paths.developer_benchmarks() is None
    (tmp_path / "benchmarks").mkdir()
    assert paths.developer_benchmarks() is None


@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
def test_in_a_wheel_they_say_where_they_are(
    flags: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "_CHECKOUT", tmp_path)
    result = run("bench", *flags, "--out", tmp_path / "out")
    assert result.exit_code == 1, result.output
    name = flags[0] if flags[0] != "--form" else f"--form {flags[1].split(',')[-1]}"
    for part in (f"{MissingDependencyError.__name__}: {name}: ", "benchmarks/godot_marl_benchmarks", "pip install -e"):
        assert part in result.output
    assert not (tmp_path / "out").exists()
