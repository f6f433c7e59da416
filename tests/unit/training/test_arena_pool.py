"""The seeds of the arenas of a training, and games that cannot start."""

from __future__ import annotations

import _thread
import threading
import time
from pathlib import Path

import pytest
from processes import becomes_true, leaves_nothing, marked

from godot_marl import errors
from godot_marl.core.arena import Arena
from godot_marl.options import Options
from godot_marl.training.arena_pool import Arenas, seed_of

# The first of several games that comes here ends at once; the others never connect.
ONE_ENDS = 'if mkdir "$0" 2> /dev/null; then exit 7; fi; exec sleep 1000'


def test_seeds_of_arenas_differ_and_the_first_is_that_of_the_training() -> None:
    seeds = [[seed_of(seed, number) for number in range(20)] for seed in range(20)]
    assert [row[0] for row in seeds] == list(range(20))
    assert len({seed for row in seeds for seed in row}) == 400
    assert all(0 <= seed < 2**63 for row in seeds for seed in row)
    assert seed_of(3, 7) == seeds[3][7]


def test_a_resumed_training_has_different_seeds() -> None:
    seeds = [seed_of(5, number, steps) for number in range(3) for steps in (0, 1, 2, 100, 200)]
    assert len({*seeds, *range(20)}) == len(seeds) + 19
    assert seed_of(5, 0, 100) == seed_of(5, 0, 100)


def starting(command: list[str]) -> Arenas:
    """Three arenas whose game is another program."""
    options = Options.from_kwargs({"command": command, "start_timeout": 50.0})
    return Arenas(lambda number: Arena(None, options, number=number), 3, restarts=True)


def test_the_first_game_that_cannot_start_is_an_error_at_once_and_the_others_are_ended(
    mark: str, tmp_path: Path
) -> None:
    begin = time.monotonic()
    with pytest.raises(errors.GameExitedError, match=r"worker \d, sh .*\n.*\n.*exit status 7"):
        starting(["sh", "-c", ONE_ENDS, str(tmp_path / "taken")]).start()
    assert time.monotonic() - begin < 20.0
    assert leaves_nothing(mark)


def test_ctrl_c_waits_for_no_game_that_starts(mark: str) -> None:
    def interrupt() -> None:
        becomes_true(lambda: len(marked(mark).get("other", ())) == 3, 20)
        _thread.interrupt_main()

    thread = threading.Thread(target=interrupt)
    thread.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        starting(["sleep", "1000"]).start()
    thread.join()
    assert time.monotonic() - begin < 20.0
    assert leaves_nothing(mark)
