"""A web server on this machine that has releases of Godot, or something that looks like them."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Fault:
    """What goes wrong with one request for an archive.

    Attributes:
        status: Answer with this status and nothing else.
        ends_after: Close the connection after so many bytes of the body.
    """

    status: int | None = None
    ends_after: int | None = None


@dataclass
class Site:
    """What the server has, and how it behaves.

    Attributes:
        files: Content by path.
        faults: One for each of the next requests for an archive; those after that are answered well.
        knows_range: Whether it can send a part of a file.
        has_tags: Whether it says an ETag.
        asked: The `Range` of each request for an archive so far, or None.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    knows_range: bool = True
    has_tags: bool = True
    asked: list[str | None] = field(default_factory=list)

    def publish(self, release: str, archives: Mapping[str, bytes], sums: str | None = None) -> None:
        """Put archives into a release, with the file of their sums."""
        for name, content in archives.items():
            self.files[f"/{release}/{name}"] = content
        lines = [f"{hashlib.sha512(content).hexdigest()}  {name}\n" for name, content in archives.items()]
        self.files[f"/{release}/SHA512-SUMS.txt"] = ("".join(lines) if sums is None else sums).encode()


def zipped(files: Mapping[str, str | bytes], mode: int = 0o755) -> bytes:
    """A zip archive of these files; a mode of 0 means no mode."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return target.getvalue()


def joined(*archives: bytes) -> bytes:
    """One archive of all that these have."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as whole:
        for content in archives:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for entry in archive.infolist():
                    whole.writestr(entry, archive.read(entry))
    return target.getvalue()


class ReleaseServer(ThreadingHTTPServer):
    """Serves `site` on the loopback address until its context ends."""

    def __init__(self) -> None:
        self.site = Site()
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: ReleaseServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        site = self.server.site
        fault = Fault()
        if self.path.endswith(".zip"):
            site.asked.append(self.headers["Range"])
            fault = site.faults.pop(0) if site.faults else fault
        content = site.files.get(self.path)
        status = fault.status or (404 if content is None else None)
        if status is not None or content is None:
            self.send_error(status or 404)
            return
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        begin = 0
        if self.headers["Range"] and site.knows_range and self.headers["If-Range"] == tag:
            begin = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        if begin >= len(content) > 0:
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        if site.has_tags:
            self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        rest = content[begin:]
        self.wfile.write(rest if fault.ends_after is None else rest[: fault.ends_after])
