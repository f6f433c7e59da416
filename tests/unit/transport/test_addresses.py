"""Which addresses warn, and which need a token."""

from __future__ import annotations

import logging

import pytest
from by_hand import free_port
from waiting import TOKEN

import godot_marl
from godot_marl.errors import InvalidOptionError
from godot_marl.transport import addresses
from godot_marl.transport.listener import Listener


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.9.9.9"])
def test_a_loopback_address_logs_no_warning(host: str, caplog: pytest.LogCaptureFixture) -> None:
    Listener(host, 0, None).close()
    assert caplog.records == []


def test_an_address_that_other_machines_reach_logs_a_warning_and_child_processes_get_a_loopback_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener = Listener("0.0.0.0", 0, TOKEN)  # noqa: S104 - that is the question
    listener.close()
    assert listener.url == f"ws://127.0.0.1:{listener.port}"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    for part in (f"0.0.0.0:{listener.port}", "every machine that reaches this address", "the token", "ssl="):
        assert part in record.getMessage()
    assert TOKEN not in record.getMessage()


@pytest.mark.parametrize(
    ("address", "warned", "own"),
    [("::", "[::]:8000", "::1"), ("::1", "", "::1"), ("2001:db8::7", "[2001:db8::7]:8000", "2001:db8::7")],
)
def test_addresses_of_ipv6_follow_the_same_rules(
    address: str, warned: str, own: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not every machine has them, so nothing listens here."""
    addresses.validate_exposure(address, 8000, TOKEN, is_encrypted=False)
    assert f"Python listens on {warned} until" in caplog.text if warned else not caplog.records
    assert addresses.for_this_machine(address) == own
    if warned:
        with pytest.raises(InvalidOptionError):
            addresses.validate_exposure(address, 8000, None, is_encrypted=True)


def test_an_address_that_other_machines_reach_needs_a_token_for_games_started_by_hand() -> None:
    env = godot_marl.parallel_env(host="0.0.0.0", port=free_port())  # noqa: S104 - that is the question
    with pytest.raises(InvalidOptionError) as error:
        env.reset()
    assert error.value.where == "token"
    assert "GODOT_MARL_TOKEN" in str(error.value)
