"""Encryption of the connection to a game: what the option `ssl` may be, and what becomes of it."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from godot_marl.errors import InvalidOptionError

File = str | os.PathLike[str]
# A context of one's own, or the files of a certificate and of its key.
Tls = ssl.SSLContext | tuple[File, File]

CERTIFICATE_VARIABLE = "GODOT_MARL_CERTIFICATE"


def is_tls(value: object) -> bool:
    """Whether a value of the option `ssl` can be used: a server's context, or two paths."""
    if isinstance(value, ssl.SSLContext):
        # A client's context has no certificate to show.
        return value.protocol is not ssl.PROTOCOL_TLS_CLIENT
    return (
        isinstance(value, (tuple, list)) and len(value) == 2 and all(isinstance(f, (str, os.PathLike)) for f in value)
    )


def server_context(tls: Tls | None) -> ssl.SSLContext | None:
    """The context to listen with; None without encryption.

    Raises:
        InvalidOptionError: The files are no certificate and its key.
    """
    if tls is None or isinstance(tls, ssl.SSLContext):
        return tls
    certificate, key = (os.fspath(file) for file in tls)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A password, though a wrong one: without any, a key that needs one is asked for at the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise InvalidOptionError(
            "The certificate or its key cannot be used.",
            where="ssl",
            expected="the paths of a certificate and of its key, both as PEM, the key without a password",
            got=f"{certificate}, {key}: {error}",
            remedy="Make a pair as docs/remote.md shows, or give an ssl.SSLContext of your own.",
        ) from error
    return context


def certificate_to_trust(tls: Tls | None) -> dict[str, str]:
    """What a game that Python starts must have in its environment to trust the certificate.

    A variable that the user has set stays as it is. A context does not tell its certificate, so a game that is to trust
    one needs that variable, unless its system trusts it.
    """
    if tls is None or isinstance(tls, ssl.SSLContext) or os.environ.get(CERTIFICATE_VARIABLE):
        return {}
    return {CERTIFICATE_VARIABLE: str(Path(tls[0]).absolute())}
