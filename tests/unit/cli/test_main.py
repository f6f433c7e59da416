"""What all commands have in common."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from godot_marl.cli import StandardError

RECORD = logging.makeLogRecord({"msg": "worker %d was lost", "args": (0,)})


def test_log_records_go_to_the_current_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = StandardError()
    for _ in range(2):
        # As a progress bar does, which keeps to the last line.
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        handler.handle(RECORD)
        assert stream.getvalue() == "worker 0 was lost\n"


@pytest.mark.parametrize("error", [BrokenPipeError, ValueError])
def test_an_error_of_standard_error_is_ignored(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise error

    monkeypatch.setattr(sys, "stderr", Gone())
    monkeypatch.setattr(logging, "raiseExceptions", False)
    StandardError().handle(RECORD)
