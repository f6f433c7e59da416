"""The addresses on which Python listens: who can reach them, and how they are written."""

from __future__ import annotations

import ipaddress
import logging

from godot_marl.errors import InvalidOptionError

logger = logging.getLogger(__name__)


def with_port(host: str, port: int) -> str:
    """HOST:PORT, with an address of the sixth version of IP in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def for_this_machine(address: str) -> str:
    """How a program on this machine connects to a socket that listens on this address."""
    ip = _ip_of(address)
    if not ip.is_unspecified:
        return address
    return "127.0.0.1" if ip.version == 4 else "::1"


def is_an_address(host: str) -> bool:
    """Whether a host is given as a number, not by its name."""
    try:
        _ip_of(host)
    except ValueError:
        return False
    return True


def check_exposure(address: str, port: int, token: str | None, *, is_encrypted: bool) -> None:
    """Warn of an address that other machines can reach, and insist on a token there.

    Raises:
        InvalidOptionError: There is none.
    """
    if _ip_of(address).is_loopback:
        return
    place = with_port(address, port)
    if token is None:
        raise InvalidOptionError(
            "Other machines can reach this address, and nothing keeps them out.",
            where="token",
            expected=f"a token where host={address!r}",
            got="None",
            remedy="Give token=, for example secrets.token_urlsafe(24), and set GODOT_MARL_TOKEN to it where the game "
            "runs; or listen on 127.0.0.1.",
        )
    advice = "" if is_encrypted else " Nothing is encrypted, not even the token: ssl= changes that (docs/remote.md)."
    logger.warning(
        "Python listens on %s until its game has connected: every machine that reaches this address can try, and needs "
        "the token.%s",
        place,
        advice,
    )


def warn_of_exposure(address: str, port: int) -> None:
    """Warn of an address that other machines can reach, on a wire that knows no token."""
    if not _ip_of(address).is_loopback:
        logger.warning("whoever reaches %s can play the game: this wire knows no token", with_port(address, port))


def _ip_of(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    # What follows the % names a network card.
    return ipaddress.ip_address(address.partition("%")[0])
