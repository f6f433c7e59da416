"""What the fuzzers share that draw their own random numbers."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def fuzz_seed(pytestconfig: pytest.Config, nightly: bool, record_property: Callable[[str, object], None]) -> int:
    """What the messages of a test are drawn with: always the same in the short form, another one each night.

    It stands in the report of the test, and with its output where it fails.
    """
    given = pytestconfig.getoption("--fuzz-seed")
    seed = int(given) if given is not None else secrets.randbits(32) if nightly else 1
    record_property("fuzz seed", seed)
    sys.stdout.write(f"--fuzz-seed {seed} feeds the same messages again\n")
    return seed
