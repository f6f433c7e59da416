"""TLS for the connection to a game, from the option `ssl`."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from godot_marl.errors import InvalidOptionError

File = str | os.PathLike[str]
# The user's own context, or the files of a certificate and its key.
Tls = ssl.SSLContext | tuple[File, File]

CERTIFICATE_VARIABLE = "GODOT_MARL_CERTIFICATE"


def is_tls(value: object) -> bool:
    """Whether a value is valid for the option `ssl`: a server's context, or two paths."""
    if isinstance(value, ssl.SSLContext):
        # A client's context has no certificate.
        return value.protocol is not ssl.PROTOCOL_TLS_CLIENT
    return (
        isinstance(value, (tuple, list)) and len(value) == 2 and all(isinstance(f, (str, os.PathLike)) for f in value)
    )


def server_context(tls: Tls | None) -> ssl.SSLContext | None:
    """Make the context for the listening socket; None for None, without encryption.

    Raises:
        InvalidOptionError: The files are not a certificate and its key.
    """
    if tls is None or isinstance(tls, ssl.SSLContext):
        return tls
    certificate, key = (os.fspath(file) for file in tls)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An empty password: without one, OpenSSL prompts for the password of an encrypted key at the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise InvalidOptionError(
            "The certificate or its key cannot be used.",
            where="ssl",
            expected="the paths of a certificate and its key, both as PEM, the key without a password",
            got=f"{certificate}, {key}: {error}",
            remedy="Make a pair as docs/remote.md shows, or give your own ssl.SSLContext.",
        ) from error
    return context


def certificate_to_trust(tls: Tls | None) -> dict[str, str]:
    """The environment variables with which a game that Python starts trusts the certificate.

    Empty if the user has set the variable, and for an `ssl.SSLContext`, whose certificate Python cannot read: the game
    then trusts the certificates of its system, unless the user sets the variable.
    """
    if tls is None or isinstance(tls, ssl.SSLContext) or os.environ.get(CERTIFICATE_VARIABLE):
        return {}
    return {CERTIFICATE_VARIABLE: str(Path(tls[0]).absolute())}
