"""How long the messages of a session may be."""

from __future__ import annotations

import pytest
from sessions import described

from godot_marl.errors import InvalidOptionError


def test_the_handshake_bounds_the_messages_to_python() -> None:
    session = described()
    # A header, a reward, ten numbers and a flag; with orders a mark, and all but the reward once more.
    assert session.codec.longest_reply == 16 + 8 + 40 + 1 + 1 + 41
    assert session.longest_message(renders=False) == session.codec.longest_reply + 2**24
    assert session.longest_message(renders=True) == 2**26


def test_options_that_the_game_would_refuse_are_not_sent() -> None:
    session = described()
    with pytest.raises(InvalidOptionError, match="16777216 bytes as JSON"):
        session.reset({0: (1, {"word": "x" * 2**24})})
    # It can go on.
    assert len(session.reset({0: (2**63 - 1, {"word": "x" * (2**24 - 300)})})) < 2**24
