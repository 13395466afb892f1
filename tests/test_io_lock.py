"""One writer to a directory, whoever comes, forks or is killed."""

import concurrent.futures
import contextlib
import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import pytest

from blurax import io
from blurax.errors import BluraxError
from blurax.io import lock

HOLD = """
import sys, time
from blurax import io
with io.writing(sys.argv[1], "run"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holder(directory, seconds=60.0) -> subprocess.Popen:
    """A process that holds the lock."""
    command = [sys.executable, "-c", HOLD, str(directory), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def refused_elsewhere(directory) -> str:
    """What a thread of its own hears that wants to write; empty if it may."""
    heard = []

    def attempt():
        try:
            with io.writing(directory, "run"):
                heard.append("")
        except BluraxError as error:
            heard.append(str(error))

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return heard[0]


def test_the_second_process_is_refused_until_the_first_is_killed(tmp_path):
    first = holder(tmp_path)
    with (
        pytest.raises(BluraxError, match=f"The run in .* is being written by process {first.pid} "),
        io.writing(tmp_path, "run"),
    ):
        pass
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert (tmp_path / lock.LOCK).exists()  # a stale file locks nothing
    with io.writing(tmp_path, "run"):
        pass
    assert os.listdir(tmp_path) == []


def test_waiting_says_for_whom_once_and_then_goes_on(tmp_path):
    first = holder(tmp_path, 1.0)
    with (
        pytest.warns(UserWarning, match=f"Waiting for process {first.pid} ") as said,
        io.writing(tmp_path, "cache", wait=60.0),
    ):
        assert first.wait(10) == 0
    assert len(said) == 1


def test_waiting_has_a_bound(tmp_path):
    with io.writing(tmp_path, "cache"):
        heard = []

        def attempt():
            start = time.monotonic()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    with io.writing(tmp_path, "cache", wait=0.3):
                        heard.append("in")
                except BluraxError:
                    heard.append(time.monotonic() - start)

        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
    assert 0.3 <= heard[0] < 5


def test_a_thread_may_write_within_but_another_may_not(tmp_path):
    with io.writing(tmp_path, "run"):
        with io.writing(tmp_path, "run"):
            assert "(this one)" in refused_elsewhere(tmp_path)
        assert "(this one)" in refused_elsewhere(tmp_path)  # the inner one has released nothing
    assert refused_elsewhere(tmp_path) == ""


def test_links_to_a_directory_are_the_same_directory(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with io.writing(tmp_path / "real", "run"), io.writing(tmp_path / "link", "run"):
        assert "(this one)" in refused_elsewhere(tmp_path / "link")


@pytest.mark.parametrize("fails", [False, True])
def test_directories_that_stay_empty_go_again(tmp_path, fails):
    directory = tmp_path / "a" / "b"
    expected = pytest.raises(StopIteration) if fails else contextlib.nullcontext()
    with expected, io.writing(directory, "run"):
        assert directory.is_dir()
        if fails:
            raise StopIteration
    assert os.listdir(tmp_path) == []
    with io.writing(directory, "run"):
        (directory / "kept").touch()
    assert os.listdir(directory) == ["kept"]


def _child(directory, told) -> None:
    """In a fork: is the directory free to us? Then live on as an orphan would."""
    try:
        with io.writing(directory, "run"):
            told.send("in")
    except BluraxError as error:
        told.send(str(error))
    time.sleep(60)


FORKS = """
import os, sys, time
from blurax import io
with io.writing(sys.argv[1], "run"):
    child = os.fork()
    if child == 0:
        time.sleep(60)
    print(child, flush=True)
    time.sleep(60)
"""


def test_a_forked_child_keeps_no_lock_after_its_parents_death(tmp_path):
    command = [sys.executable, "-c", FORKS, str(tmp_path)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        with pytest.raises(BluraxError, match=str(parent.pid)), io.writing(tmp_path, "run"):
            pass
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        os.kill(child, 0)  # it lives
        with io.writing(tmp_path, "run"):
            pass
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning", "ignore:.*fork:DeprecationWarning")
def test_a_forked_child_holds_nothing_and_releases_nothing(tmp_path):
    fork = multiprocessing.get_context("fork")
    mine, theirs = fork.Pipe()
    with io.writing(tmp_path, "run"):
        child = fork.Process(target=_child, args=(tmp_path, theirs))
        child.start()
        assert f"process {os.getpid()} " in mine.recv()
        child.kill()
        child.join()
        assert f"process {os.getpid()} " in refused_elsewhere(tmp_path)


@pytest.mark.filterwarnings("ignore:Waiting for")
def test_many_threads_write_one_after_another(tmp_path, monkeypatch):
    """Files removed at release let nobody in twice."""
    inside, most = 0, 0

    def work():
        nonlocal inside, most
        for _ in range(20):
            with io.writing(tmp_path / "made", "run", wait=60.0):
                inside += 1
                most = max(most, inside)
                time.sleep(0)
                inside -= 1

    monkeypatch.setattr(lock, "_PAUSE", 0.001)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result()
    assert most == 1
    assert not (tmp_path / "made" / lock.LOCK).exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_where_nothing_can_be_locked_it_is_said_once(tmp_path, monkeypatch, number):
    def unable(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock.fcntl, "flock", unable)
    with (
        pytest.warns(UserWarning, match="knows no lock") as said,
        io.writing(tmp_path, "run"),
    ):
        assert os.listdir(tmp_path) == []
    with warnings.catch_warnings(), io.writing(tmp_path, "run"):
        warnings.simplefilter("error")
    assert len(said) == 1


def test_a_system_without_locks_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "fcntl", None)
    with pytest.warns(UserWarning, match="has no lock for files"), io.writing(tmp_path, "run"):
        pass


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("nfs4", "rw,vers=4.2,local_lock=none", False),
        ("nfs", "rw,nolock", True),
        ("nfs", "rw,vers=3,local_lock=all", True),
        ("fuse.sshfs", "rw", True),
        ("fuseblk", "rw", False),
        ("cifs", "rw", True),
        ("lustre", "rw,localflock", True),
        ("ext4", "rw", False),
    ],
)
def test_network_folders_are_locked_and_what_that_is_worth_is_said(
    tmp_path, monkeypatch, kind, options, said
):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"root / ext4 rw 0 0\nserver:/x {tmp_path} {kind} {options} 0 0\n", encoding="utf-8"
    )
    monkeypatch.setattr(lock, "_MOUNTS", str(mounts))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with io.writing(tmp_path / "run", "run"):
            assert "(this one)" in refused_elsewhere(tmp_path / "run")
    assert any("network folder" in str(each.message) for each in caught) == said


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("precious", encoding="utf-8")
    (tmp_path / lock.LOCK).symlink_to("precious")
    with pytest.raises(BluraxError, match="cannot be written to"), io.writing(tmp_path, "run"):
        pass
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("text", ["", "\x1b[31m", "[]", '{"process": "\\u001b[31m"}', "[" * 900])
def test_what_a_lock_says_is_read_with_care(tmp_path, text):
    with io.writing(tmp_path, "run"):
        (tmp_path / lock.LOCK).write_text(text, encoding="utf-8")
        assert "is being written by another process;" in refused_elsewhere(tmp_path)


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(BluraxError, match="cannot be made a directory"),
        io.writing(tmp_path / "file", "x"),
    ):
        pass


def test_clear_leaves_the_lock_alone(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "c").touch()
    with io.writing(tmp_path, "figure"):
        io.clear(tmp_path)
        assert os.listdir(tmp_path) == [lock.LOCK]
