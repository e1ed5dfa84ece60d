import ctypes
import sys
import threading
import time
from pathlib import Path

import pytest

from kcode.environment.files import LocalFiles
from kcode.types.environment import FileChangedError


async def test_a_folder_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    outside.mkdir()
    inside.symlink_to(outside)
    with pytest.raises(FileChangedError, match="link"):
        await LocalFiles().write(inside / "new.txt", b"x", expect="")
    with pytest.raises(FileChangedError, match="link"):
        await LocalFiles().write(inside / "deep" / "new.txt", b"x", expect="")
    assert list(outside.iterdir()) == []


async def test_a_file_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("link", "dangling"):
        with pytest.raises(FileChangedError):
            await LocalFiles().write(tmp_path / name, b"x", expect="")
    assert (tmp_path / "target").read_text() == "kept"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="exchanges names as only Linux can")
async def test_while_somebody_swaps_a_folder_for_a_link_nothing_is_written_outside(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    link = tmp_path / "link"
    link.symlink_to(outside)
    done = threading.Event()

    system = ctypes.CDLL(None, use_errno=True)
    exchange = (-100, bytes(inside), -100, bytes(link), 2)

    def swap() -> None:
        while not done.is_set():
            assert system.renameat2(*exchange) == 0
            time.sleep(0.0002)

    swapper = threading.Thread(target=swap)
    swapper.start()
    wrote = refused = 0
    try:
        for number in range(2000):
            try:
                await LocalFiles().write(inside / f"{number}.txt", b"x", expect="")
                wrote += 1
            except OSError:
                refused += 1
    finally:
        done.set()
        swapper.join()
    assert list(outside.iterdir()) == []
    assert wrote
    assert refused
