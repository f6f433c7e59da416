"""What several fuzzers use."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import wire_reader as reader

GOLDEN = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent.parent / "golden").glob("*.json"))
}
SPACES = [case["message"] for case in GOLDEN.values() if case["kind"] == "space"]
BINARIES = {
    name: (case, b"".join(bytes.fromhex(part) for _, part in case["message"]))
    for name, case in GOLDEN.items()
    if case["kind"] in ("reply", "frame")
}
OTHER_MESSAGES = [message for _, message in BINARIES.values()]
# The most memory of the engine with the addon for any messages, in KiB.
MOST_MEMORY = 400_000
# An engine that starts on a busy machine, and what it does until it detects that the connection is gone.
DEADLINE = 20.0
AT_A_TIME = 3


def sum_of(games: int, play: Callable[[int], Counter[str]]) -> Counter[str]:
    """What all games count. Some play at the same time, because they wait more than they compute."""

    def play_one(number: int) -> Counter[str]:
        try:
            return play(number)
        except Exception as error:
            error.add_note(f"game {number}")
            raise

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        try:
            return sum(pool.map(play_one, range(games)), Counter[str]())
        finally:
            pool.shutdown(cancel_futures=True)


def read(strict: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return strict(*arguments)
    except reader.WrongError:
        return None
