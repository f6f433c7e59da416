"""Environments that are made and closed again and again leave nothing: 16 times, and 200 times with `--nightly`."""

from __future__ import annotations

import gc
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from processes import becomes_true

import godot_marl
from godot_marl.assets.cache import cache_dir
from godot_marl.engine import Engine


@dataclass(frozen=True)
class Left:
    """What a program has of the machine."""

    processes: int
    handles: int
    sockets: int
    threads: int
    temporary: frozenset[str]
    cached: frozenset[str]


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def what_is_there(temporary: Path, others: set[int]) -> Left:
    """What there is now. The processes `others` are no game's, such as one that multiprocessing keeps."""
    gc.collect()
    here = psutil.Process()
    return Left(
        processes=len(children() - others),
        handles=here.num_fds(),
        sockets=len(here.net_connections("all")),
        threads=threading.active_count(),
        temporary=frozenset(path.name for path in temporary.iterdir()),
        cached=frozenset(str(path) for path in cache_dir().rglob("*")),
    )


@pytest.mark.godot
@pytest.mark.timeout(900)
def test_cycles_of_make_and_close_leave_no_process_port_file_or_handle(
    engine: Engine, scenes: Path, tmp_path: Path, nightly: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = children()
    temporary, cache = tmp_path / "temporary", tmp_path / "cache"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    # Other programs use the common one.
    monkeypatch.setenv("GODOT_MARL_CACHE", str(cache))

    def cycle(number: int) -> None:
        if number % 4 == 3:
            rows = godot_marl.vector_env(scenes, scene="walker.tscn", engine=engine.path, copies=2, processes=2)
            rows.reset(seed=number)
            rows.step(rows.action_space.sample())
            rows.close()
            return
        env = godot_marl.parallel_env(scenes, scene="walker.tscn", engine=engine.path)
        env.reset(seed=number)
        env.step(dict.fromkeys(env.agents, 2))
        env.close()

    # Each form once: what the first use of everything opens, and then stays.
    cycle(0)
    cycle(3)
    before = what_is_there(temporary, others)
    assert before.processes == 0
    assert before.temporary == frozenset()
    for number in range(200 if nightly else 16):
        cycle(number)
    assert becomes_true(lambda: what_is_there(temporary, others) == before), (before, what_is_there(temporary, others))
