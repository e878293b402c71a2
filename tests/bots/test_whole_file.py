import os
import stat
import threading

import pytest

from bots.errors import ConfigError
from bots.whole_file import check_writable, write_whole


def test_a_device_is_written_to_and_stays_a_device(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()

    write_whole(pipe, ("a", "b"))
    reader.join(timeout=10)

    assert read == ["ab"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")

    write_whole(tmp_path / "link", ("new",))

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("old")

    def parts():
        yield "half"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_whole(path, parts())

    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["plan.json"]


@pytest.mark.parametrize("judge", [check_writable, lambda path: write_whole(path, "x")])
@pytest.mark.parametrize("place", ["no/folder/x", "."])
def test_a_place_that_cannot_be_is_one_sentence(tmp_path, judge, place):
    with pytest.raises(ConfigError, match=r"cannot be written .*: name another file"):
        judge(tmp_path / place)


def test_looking_whether_a_file_can_be_written_leaves_nothing(tmp_path):
    check_writable(tmp_path / "x")

    assert os.listdir(tmp_path) == []
