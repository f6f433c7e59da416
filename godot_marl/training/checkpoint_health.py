"""Which checkpoints can be read: a full disk or a power cut may leave one that cannot."""

from __future__ import annotations

import functools
import logging
import lzma
import struct
import zipfile
import zlib
from pathlib import Path

logger = logging.getLogger(__name__)

# zipfile passes on what its parts say of damaged bytes: a wrong length, method, flag or date, data that do not unpack.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)


def is_whole(folder: Path) -> bool:
    """Whether the models in a folder can be read. A warning tells of each folder that cannot, once."""
    models = sorted(folder.glob("*.zip"))
    stats = [path.stat() for path in models]
    return _is_whole(folder, tuple(models), tuple((stat.st_size, stat.st_mtime_ns) for stat in stats))


# A training asks again and again, and reading all of its checkpoints takes a while. Sizes and times tell new ones.
@functools.cache
def _is_whole(folder: Path, models: tuple[Path, ...], _: tuple[tuple[int, int], ...]) -> bool:
    faults = [f"{path.name}: {fault}" for path in models if (fault := _fault_of(path))]
    if not models:
        faults = ["there is no model in it"]
    if faults:
        logger.warning("the checkpoint %s cannot be read and is left out (%s)", folder, "; ".join(faults))
    return not faults


def _fault_of(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as file:
            broken = file.testzip()
    except _UNREADABLE as error:
        return f"{type(error).__name__}: {error}"
    return None if broken is None else f"{broken} in it is damaged"
