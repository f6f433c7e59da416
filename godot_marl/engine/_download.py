"""Downloads large files, and resumes broken downloads.

The received bytes stay in a `.part` file, and the next attempt, also in a later process, requests only the rest. The
standard library's client does proxies, redirects and TLS; a range header and a check of the response do the rest.
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

from godot_marl.engine._model import MANUAL_INSTALL
from godot_marl.errors import EngineInstallError
from godot_marl.version import __version__

_log = logging.getLogger("godot_marl.engine")

# In seconds without a received byte.
_STALL_TIMEOUT = 30.0
_CHUNK_SIZE = 1 << 18
_MAX_TEXT_SIZE = 1 << 20
# Seconds before each further attempt.
_PAUSES = (1.0, 3.0, 6.0)
# HTTP statuses of temporary failures, after which another attempt may succeed.
_TEMPORARY_STATUSES = (408, 425, 429, 500, 502, 503, 504)

_T = TypeVar("_T")

OnBytes = Callable[[int, int | None], None]
"""Called with the numbers of received bytes and of all bytes; the latter is None if the server does not send it."""


class NotThereError(Exception):
    """The server does not have the file."""


class _TemporaryError(Exception):
    """An attempt failed, and another one may succeed."""


def fetch_text(url: str) -> str:
    """Download a small text file, and return its content.

    Raises:
        NotThereError: The server does not have the file.
        EngineInstallError: All attempts failed.
    """

    def fetch() -> str:
        with _open(url, {}) as response:
            try:
                content: bytes = response.read(_MAX_TEXT_SIZE)
            except (http.client.HTTPException, OSError) as error:
                raise _TemporaryError(_reason(error)) from error
        return content.decode("utf-8", "replace")

    return _with_retries(url, fetch)


def download(url: str, part: Path, on_bytes: OnBytes) -> None:
    """Download a file, or the rest of it if `part` exists.

    Args:
        url: The file's URL.
        part: The file to write. It stays after a failure, for the next attempt; after a write error it is removed.
        on_bytes: Called with the progress.

    Raises:
        NotThereError: The server does not have the file.
        EngineInstallError: All attempts failed.
        OSError: The part could not be written.
    """
    _with_retries(url, lambda: _download_once(url, part, on_bytes))


def _with_retries(url: str, attempt: Callable[[], _T]) -> _T:
    for pause in (*_PAUSES, None):
        try:
            return attempt()
        except _TemporaryError as error:
            if pause is None:
                raise EngineInstallError(
                    "A download broke off.",
                    where=url,
                    expected="the whole file",
                    got=f"{error}, in {len(_PAUSES) + 1} attempts",
                    remedy="check the network and run `godot-marl engine install` again, which resumes the download; "
                    f"or {MANUAL_INSTALL}",
                ) from error
            _log.info("%s: %s; trying again in %g s", url, error, pause)
            time.sleep(pause)
    raise AssertionError


def _download_once(url: str, part: Path, on_bytes: OnBytes) -> None:
    # Identifies the content of the part: a server whose content has changed sends the whole file.
    validator_file = part.with_name(part.name + ".mark")
    received = part.stat().st_size if part.exists() and validator_file.exists() else 0
    headers = {}
    if received:
        headers = {"Range": f"bytes={received}-", "If-Range": validator_file.read_text(encoding="utf-8")}
    with _open(url, headers) as response:
        if received and not _is_rest(response, received):
            received = 0
        length = response.headers.get("Content-Length")
        total = None if length is None else received + int(length)
        try:
            validator_file.unlink(missing_ok=True)
            if validator := _validator(response):
                validator_file.write_text(validator, encoding="utf-8")
            with part.open("ab" if received else "wb") as file:
                on_bytes(received, total)
                while chunk := _read(response):
                    file.write(chunk)
                    received += len(chunk)
                    on_bytes(received, total)
        except OSError:
            # Most likely the disk is full: free the space.
            part.unlink(missing_ok=True)
            validator_file.unlink(missing_ok=True)
            raise
    # The client treats the end of the connection as the end of the file.
    if total is not None and received < total:
        raise _TemporaryError(f"the connection ended after {received} of {total} bytes")
    validator_file.unlink(missing_ok=True)


def _is_rest(response: Any, received: int) -> bool:
    """Whether the response has the rest of the file, and not the whole file."""
    return response.status == 206 and str(response.headers.get("Content-Range", "")).startswith(f"bytes {received}-")


def _validator(response: Any) -> str | None:
    """Return the validator of the content for `If-Range`: a strong ETag, or the date of the last change."""
    tag = response.headers.get("ETag")
    if tag and not tag.startswith("W/"):
        return str(tag)
    changed = response.headers.get("Last-Modified")
    return str(changed) if changed else None


def _read(response: Any) -> bytes:
    try:
        chunk: bytes = response.read(_CHUNK_SIZE)
    except (http.client.HTTPException, OSError) as error:
        raise _TemporaryError(_reason(error)) from error
    return chunk


def _open(url: str, headers: dict[str, str]) -> Any:
    """Send a request, and return the response with an unread body."""
    request = urllib.request.Request(url, headers={"User-Agent": f"godot-marl/{__version__}", **headers})  # noqa: S310 - the provider has checked the scheme
    try:
        return urllib.request.urlopen(request, timeout=_STALL_TIMEOUT)  # noqa: S310 - the provider has checked the scheme
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:
                # The part is longer than the file: download the whole file.
                return _open(url, {name: text for name, text in headers.items() if name not in ("Range", "If-Range")})
            if error.code in _TEMPORARY_STATUSES:
                raise _TemporaryError(_reason(error)) from error
            if error.code in (404, 410):
                raise NotThereError(_reason(error)) from error
            raise EngineInstallError(
                "The server rejected a download.",
                where=url,
                expected="the file",
                got=_reason(error),
                remedy="open the URL in a browser to find the cause",
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
        raise _TemporaryError(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP status {error.code} ({error.reason})"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return f"{type(cause).__name__}: {cause}" if isinstance(cause, Exception) else str(cause)
