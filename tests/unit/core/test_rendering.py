"""Saved images."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from godot_marl.core.rendering import FrameWriter
from godot_marl.errors import InvalidOptionError, MissingDependencyError

FRAME = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def test_without_a_folder_nothing_is_saved() -> None:
    saver = FrameWriter(None)
    saver.save(FRAME)
    assert not saver.is_wanted


def test_the_folder_is_made_when_the_first_frame_comes(tmp_path: Path) -> None:
    saver = FrameWriter(tmp_path / "a" / "b")
    assert saver.is_wanted
    assert not (tmp_path / "a").exists()
    saver.save(FRAME)
    assert (tmp_path / "a" / "b" / "0.png").is_file()


def test_frames_are_numbered_and_keep_every_pixel(tmp_path: Path) -> None:
    saver = FrameWriter(str(tmp_path))
    saver.save(FRAME)
    saver.save(FRAME + 100)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.png", "1.png"]
    for name, frame in (("0.png", FRAME), ("1.png", FRAME + 100)):
        with Image.open(tmp_path / name) as image:
            assert np.array_equal(np.asarray(image), frame)


def test_a_folder_that_cannot_be_written_is_an_invalid_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidOptionError) as error:
        FrameWriter(tmp_path / "file" / "frames").save(FRAME)
    assert str(tmp_path) in str(error.value.where)


def test_a_full_disk_is_an_error_that_leaves_no_incomplete_image(tmp_path: Path) -> None:
    saver = FrameWriter(tmp_path)
    # Every write there finds a full disk.
    (tmp_path / "0.png").symlink_to("/dev/full")
    with pytest.raises(InvalidOptionError, match="No space left on device") as error:
        saver.save(FRAME)
    assert error.value.where == f"0.png in render_path={str(tmp_path)!r}"
    assert list(tmp_path.iterdir()) == []
    saver.save(FRAME)
    assert [path.name for path in tmp_path.iterdir()] == ["0.png"]


def test_without_pillow_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingDependencyError) as error:
        FrameWriter(tmp_path).save(FRAME)
    assert error.value.remedy == "pip install godot-marl[render]"
