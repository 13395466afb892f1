import errno
import json
import math
import os

import pytest

from blurax.errors import BluraxError
from blurax.io import append_lines, write_bytes, write_json, write_text


def fill_disk(monkeypatch, call="fsync"):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)


def test_a_file_is_written_and_replaced_and_directories_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    write_bytes(path, b"one")
    write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["file"]


def test_text_is_utf8_and_json_is_readable(tmp_path):
    write_text(tmp_path / "t", "ν~")
    assert (tmp_path / "t").read_bytes() == "ν~".encode()
    write_json(tmp_path / "j", {"b": [1, 2.5, None], "a": "η"})
    assert json.loads((tmp_path / "j").read_text("utf-8")) == {"b": [1, 2.5, None], "a": "η"}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    write_bytes(path, b"old")
    with monkeypatch.context() as patched:
        fill_disk(patched, call)
        with pytest.raises(BluraxError, match=r"file cannot be written: No space left on dev.*\.$"):
            write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_device_is_not_replaced_by_a_file():
    with pytest.raises(BluraxError, match="not a regular file"):
        write_bytes("/dev/full", b"new")
    assert not os.path.isfile("/dev/full")


def test_an_interrupt_leaves_the_old_file_and_no_temporary(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("where", ["a directory", "below a file"])
def test_an_impossible_target_is_refused_in_one_sentence(tmp_path, where):
    (tmp_path / "file").write_bytes(b"x")
    path = tmp_path if where == "a directory" else tmp_path / "file" / "below"
    with pytest.raises(BluraxError, match=r"cannot be (written|made a directory): .*\.$"):
        write_bytes(path, b"new")


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_stale_temporaries_of_the_same_target_are_removed_and_no_others(tmp_path):
    stale = [".file.1.tmp", ".file.99999999.tmp"]
    others = [".file.more.1.tmp", ".other.1.tmp", ".file.x.tmp", "file.1.tmp", ".file.1.tmpx"]
    for name in stale + others:
        (tmp_path / name).write_bytes(b"half")
    write_bytes(tmp_path / "file", b"whole")
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "file"])


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, "\ud800"])
def test_what_json_lacks_is_refused_and_nothing_is_written(tmp_path, value):
    with pytest.raises(BluraxError, match=r"not plain JSON .*\.$"):
        write_json(tmp_path / "file", {"a": value})
    with pytest.raises(BluraxError, match="not plain JSON"):
        append_lines(tmp_path / "file", [{"a": 1}, {"a": value}])
    assert os.listdir(tmp_path) == []


def test_lines_are_appended(tmp_path):
    path = tmp_path / "deep" / "log.jsonl"
    append_lines(path, [{"step": 0}, {"step": 1}])
    append_lines(path, [])
    append_lines(path, [{"step": 2}])
    assert path.read_text(encoding="utf-8") == '{"step": 0}\n{"step": 1}\n{"step": 2}\n'


@pytest.mark.parametrize("whole", ["", '{"step": 0}\n'])
def test_a_half_line_is_dropped_before_appending(tmp_path, whole):
    path = tmp_path / "log.jsonl"
    path.write_text(whole + '{"ste', encoding="utf-8")
    append_lines(path, [{"step": 1}])
    assert path.read_text(encoding="utf-8") == whole + '{"step": 1}\n'


def test_a_full_disk_cuts_a_log_back(tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    append_lines(path, [{"step": 0}])
    with monkeypatch.context() as patched:
        fill_disk(patched)
        with pytest.raises(BluraxError, match=r"log\.jsonl cannot be written: No space.*\.$"):
            append_lines(path, [{"step": 1}])
    assert path.read_text(encoding="utf-8") == '{"step": 0}\n'
