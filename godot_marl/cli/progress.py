"""Progress bars of long commands."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def progress_bar(unit: str) -> Progress:
    """Make a progress bar on standard error: a context manager whose tasks need a field `note`.

    Args:
        unit: The unit of the count, such as "steps".
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    )


@contextlib.contextmanager
def episode_progress(description: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar of episodes; yields a function of the numbers of episodes played and of all episodes."""
    with progress_bar("episodes") as bar:
        task = bar.add_task(description, total=None, note="")
        yield lambda done, total: bar.update(task, completed=done, total=total)
