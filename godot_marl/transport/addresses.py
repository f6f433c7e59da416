"""The addresses on which Python listens: their text form, and which machines can reach them."""

from __future__ import annotations

import ipaddress
import logging

from godot_marl.errors import InvalidOptionError

logger = logging.getLogger(__name__)


def with_port(host: str, port: int) -> str:
    """HOST:PORT, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def for_this_machine(address: str) -> str:
    """The address at which a program on this machine reaches a socket that listens on `address`."""
    ip = _ip_of(address)
    if not ip.is_unspecified:
        return address
    return "127.0.0.1" if ip.version == 4 else "::1"


def is_an_address(host: str) -> bool:
    """Whether a host is an IP address, not a name."""
    try:
        _ip_of(host)
    except ValueError:
        return False
    return True


def validate_exposure(address: str, port: int, token: str | None, *, is_encrypted: bool) -> None:
    """Log a warning about an address that other machines can reach, and require a token there.

    Args:
        address: The IP address that Python listens on.
        port: The port.
        token: The token that a game must send; None for no token.
        is_encrypted: Whether the connection uses TLS.

    Raises:
        InvalidOptionError: Other machines can reach the address, and there is no token.
    """
    if _ip_of(address).is_loopback:
        return
    place = with_port(address, port)
    if token is None:
        raise InvalidOptionError(
            "Other machines can reach this address, and no token keeps them out.",
            where="token",
            expected=f"a token for host={address!r}",
            got="None",
            remedy="Give token=, for example secrets.token_urlsafe(24), and set GODOT_MARL_TOKEN to it on the machine "
            "of the game; or listen on 127.0.0.1.",
        )
    advice = "" if is_encrypted else " The connection is not encrypted, not even the token: set ssl= (docs/remote.md)."
    logger.warning(
        "Python listens on %s until its game has connected: every machine that reaches this address can try to "
        "connect, and needs the token.%s",
        place,
        advice,
    )


def warn_of_exposure(address: str, port: int) -> None:
    """Log a warning about an address that other machines can reach, for a protocol without a token."""
    if not _ip_of(address).is_loopback:
        place = with_port(address, port)
        logger.warning("every machine that reaches %s can play the game: this protocol has no token", place)


def _ip_of(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    # After a % stands the name of a network interface.
    return ipaddress.ip_address(address.partition("%")[0])
