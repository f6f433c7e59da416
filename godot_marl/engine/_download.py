"""Download a file that may be large, over a line that may break.

What has come stays in a `.part` file, and the next try, in a later process too, asks the server for the rest alone. The
standard library's client does it all: proxies, redirects and TLS; resuming is a header and a check of the answer.
"""

from __future__ import annotations

import http.client
import logging
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from godot_marl.engine._model import BY_HAND
from godot_marl.errors import EngineInstallError
from godot_marl.version import __version__

_log = logging.getLogger("godot_marl.engine")

# Seconds without a single byte.
_STALL_TIMEOUT = 30.0
_CHUNK = 1 << 18
_LARGEST_TEXT = 1 << 20
# Seconds before each further try.
_PAUSES = (1.0, 3.0, 6.0)
# A server that says so now may say something else in a moment.
_PASSING = (408, 425, 429, 500, 502, 503, 504)

_T = TypeVar("_T")

Told = Callable[[int, int | None], None]
"""Called with the bytes that are there, and those that there will be, or None if the server does not say."""


class NotThereError(Exception):
    """The server has no such file: what that means, the caller knows."""


class _BrokenError(Exception):
    """A try failed, and another one may do better."""


def fetch_text(url: str) -> str:
    """The content of a small text file.

    Raises:
        NotThereError: The server does not have it.
        EngineInstallError: It could not be fetched, after several tries.
    """

    def fetch() -> str:
        with _open(url, {}) as answer:
            try:
                content: bytes = answer.read(_LARGEST_TEXT)
            except (http.client.HTTPException, OSError) as error:
                raise _BrokenError(_reason(error)) from error
        return content.decode("utf-8", "replace")

    return _persistently(url, fetch)


def download(url: str, part: Path, told: Told) -> None:
    """Bring a file to where `part` says, or the rest of it if a part is there already.

    Args:
        url: Where it is.
        part: The file to write. After a failure it stays, for the next try; on a full disk it is removed.
        told: Told how much is there.

    Raises:
        NotThereError: The server does not have it.
        EngineInstallError: It could not be downloaded, after several tries.
        OSError: The part could not be written.
    """
    _persistently(url, lambda: _download_once(url, part, told))


def _persistently(url: str, attempt: Callable[[], _T]) -> _T:
    for pause in (*_PAUSES, None):
        try:
            return attempt()
        except _BrokenError as error:
            if pause is None:
                raise EngineInstallError(
                    "A download broke off.",
                    where=url,
                    expected="the whole file",
                    got=f"{error}, in {len(_PAUSES) + 1} tries",
                    remedy="check the network and run `godot-marl engine install` again: it goes on where it stopped; "
                    f"or {BY_HAND}",
                ) from error
            _log.info("%s: %s; trying again in %g s", url, error, pause)
            time.sleep(pause)
    raise AssertionError


def _download_once(url: str, part: Path, told: Told) -> None:
    # Names the content that the part is of: a server that has another one by now sends all of it.
    mark = part.with_name(part.name + ".mark")
    have = part.stat().st_size if part.exists() and mark.exists() else 0
    headers = {"Range": f"bytes={have}-", "If-Range": mark.read_text(encoding="utf-8")} if have else {}
    with _open(url, headers) as answer:
        if have and not _continues(answer, have):
            have = 0
        length = answer.headers.get("Content-Length")
        total = None if length is None else have + int(length)
        try:
            mark.unlink(missing_ok=True)
            if validator := _validator(answer):
                mark.write_text(validator, encoding="utf-8")
            with part.open("ab" if have else "wb") as file:
                told(have, total)
                while chunk := _read(answer):
                    file.write(chunk)
                    have += len(chunk)
                    told(have, total)
        except OSError:
            # A full disk, most likely. It is not left full.
            part.unlink(missing_ok=True)
            mark.unlink(missing_ok=True)
            raise
    # The client takes the end of a connection for the end of the file.
    if total is not None and have < total:
        raise _BrokenError(f"the connection ended after {have} of {total} bytes")
    mark.unlink(missing_ok=True)


def _continues(answer: Any, have: int) -> bool:
    """Whether the server sends the rest, and not the whole file."""
    return answer.status == 206 and str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-")


def _validator(answer: Any) -> str | None:
    """What the server calls this content, in a form that `If-Range` may have."""
    tag = answer.headers.get("ETag")
    if tag and not tag.startswith("W/"):
        return str(tag)
    changed = answer.headers.get("Last-Modified")
    return str(changed) if changed else None


def _read(answer: Any) -> bytes:
    try:
        chunk: bytes = answer.read(_CHUNK)
    except (http.client.HTTPException, OSError) as error:
        raise _BrokenError(_reason(error)) from error
    return chunk


def _open(url: str, headers: dict[str, str]) -> Any:
    """The server's answer, whose body is still to be read."""
    request = urllib.request.Request(url, headers={"User-Agent": f"godot-marl/{__version__}", **headers})  # noqa: S310 - the provider has checked the scheme
    try:
        return urllib.request.urlopen(request, timeout=_STALL_TIMEOUT)  # noqa: S310 - the provider has checked the scheme
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:
                # The part is longer than the file. It is asked for from its beginning.
                return _open(url, {name: text for name, text in headers.items() if name not in ("Range", "If-Range")})
            if error.code in _PASSING:
                raise _BrokenError(_reason(error)) from error
            if error.code in (404, 410):
                raise NotThereError(_reason(error)) from error
            raise EngineInstallError(
                "The server refuses a download.",
                where=url,
                expected="the file",
                got=_reason(error),
                remedy="open the address in a browser to see what is wrong with it",
            ) from error
    except (OSError, http.client.HTTPException) as error:
        if isinstance(getattr(error, "reason", error), ssl.SSLCertVerificationError):
            raise EngineInstallError(
                "The server's certificate cannot be verified.",
                where=url,
                expected="a certificate that this Python trusts",
                got=_reason(error),
                remedy="install your Python's certificates (on macOS `Install Certificates.command` in its folder), "
                "or set SSL_CERT_FILE to your company's",
            ) from error
        raise _BrokenError(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP status {error.code} ({error.reason})"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return f"{type(cause).__name__}: {cause}" if isinstance(cause, Exception) else str(cause)
