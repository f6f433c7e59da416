"""Test certificates, of an authority that only the tests trust."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization as keys


class Authority:
    """Signs certificates, and writes everything to a folder.

    Attributes:
        file: The certificate that is to be trusted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.file = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def pair(
        self, *hosts: str, not_before: datetime | None = None, not_after: datetime | None = None
    ) -> tuple[str, str]:
        """The files of a certificate for these hosts, and of its key."""
        made = self._ca.issue_cert(*hosts, not_before=not_before, not_after=not_after)
        name = "-".join(hosts) + ("-old" if not_after else "")
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}-key.pem"
        certificate.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
        made.private_key_pem.write_to_path(key)
        return str(certificate), str(key)

    def pair_for_children(self, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
        """The files for this machine, while the games that Python starts trust this authority."""
        monkeypatch.setenv("GODOT_MARL_CERTIFICATE", str(self.file))
        return self.pair("127.0.0.1")

    def client_context(self) -> ssl.SSLContext:
        """What a client needs that trusts this authority alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._ca.configure_trust(context)
        return context


def lock(key: str, to: str) -> None:
    """Write a key so that it needs a password."""
    plain = keys.load_pem_private_key(Path(key).read_bytes(), password=None)
    form = keys.Encoding.PEM, keys.PrivateFormat.PKCS8, keys.BestAvailableEncryption(b"hush")
    Path(to).write_bytes(plain.private_bytes(*form))
