"""Checks whether checkpoints are readable: a full disk or a power cut may leave a damaged one."""

from __future__ import annotations

import functools
import logging
import lzma
import struct
import zipfile
import zlib
from pathlib import Path

logger = logging.getLogger(__name__)

# zipfile does not wrap the errors of its decompressors and parsers, so each of them means a damaged file.
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
    """Whether all models in a folder are readable. Each folder that is not is logged as a warning, once."""
    models = sorted(folder.glob("*.zip"))
    stats = [path.stat() for path in models]
    return _is_whole(folder, tuple(models), tuple((stat.st_size, stat.st_mtime_ns) for stat in stats))


# Reading every checkpoint is slow and callers repeat it; the sizes and times in the key detect changed files.
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
            damaged_member = file.testzip()
    except _UNREADABLE as error:
        return f"{type(error).__name__}: {error}"
    return None if damaged_member is None else f"{damaged_member} in it is damaged"
