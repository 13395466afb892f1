"""What a cluster of one's own leaves behind: nothing, whatever becomes of its driver."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blurax.engine import ray_cleaner
from blurax.engine.ray_folder import MARK, ClusterFolder, keep_token_private

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="the system has no /proc")

SLEEPING = [sys.executable, "-c", "import time; time.sleep(600)"]
DRIVER = """
import numpy as np
from blurax.engine import Job, RayOptions, open_ray

for _ in range(2):
    engine = open_ray(RayOptions(workers=1))
    engine.prepare(abs)([Job("one", (np.float64(-3),))])
    print(engine.folder.path, flush=True)
    if input() == "close":
        engine.close()
        print("closed", flush=True)
"""


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def test_processes_of_a_cluster_end_with_its_folder_and_no_others():
    folder = ClusterFolder()
    with folder.used() as inside:
        assert mode(folder.path) == "0o700"
        Path(inside).mkdir()
        assert mode(Path(inside)) == "0o700"
        own = subprocess.Popen(SLEEPING)
    other = subprocess.Popen(SLEEPING)
    folder.remove()
    folder.remove()
    try:
        assert own.wait(timeout=10) == -signal.SIGKILL
        assert other.poll() is None
        assert not folder.path.exists()
    finally:
        other.kill()
        other.wait()


def test_a_folder_goes_when_its_process_is_killed_and_its_output_ends():
    code = "from blurax.engine.ray_folder import *; f = ClusterFolder(); print(f.path, flush=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}; input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    assert folder.is_dir()
    process.kill()
    assert process.stdout.read() == ""  # whoever reads it is not kept waiting
    process.communicate()
    gone(folder, seconds=20)


def gone(folder: Path, seconds: float) -> None:
    """Wait until a folder and the processes of its cluster are gone."""
    end, mark = time.monotonic() + seconds, f"{MARK}={folder}".encode()
    while folder.exists() or list(ray_cleaner._marked(mark)):
        assert time.monotonic() < end, f"left: {list(ray_cleaner._marked(mark))}, {folder}"
        time.sleep(0.1)


@pytest.mark.parametrize("before", [0o644, 0o660, 0o600, 0o400])
def test_a_token_is_for_its_owner_alone(tmp_path, monkeypatch, before):
    monkeypatch.setenv("HOME", str(tmp_path))
    keep_token_private()  # there is none yet
    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("no secret", "utf-8")
    token.chmod(before)
    keep_token_private()
    assert mode(token) == (oct(before) if before in (0o600, 0o400) else "0o600")


def test_a_token_that_cannot_be_made_private_is_warned_of(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").touch(0o644)

    def refuse(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.warns(UserWarning, match="can be read by others.*Operation not permitted"):
        keep_token_private()


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="without the extra ray")
def test_nothing_is_left_of_a_cluster_that_is_closed_or_whose_driver_is_killed(tmp_path):
    driver = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", DRIVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert driver.stdin is not None
    assert driver.stdout is not None
    first = Path(driver.stdout.readline().strip())
    assert mode(first) == "0o700"
    assert mode(tmp_path / ".ray" / "auth_token") == "0o600"
    assert list(ray_cleaner._marked(f"{MARK}={first}".encode()))
    driver.stdin.write("close\n")
    driver.stdin.flush()
    assert driver.stdout.readline() == "closed\n"
    gone(first, seconds=0.1)
    second = Path(driver.stdout.readline().strip())
    assert second.is_dir()
    driver.kill()
    driver.communicate()
    gone(second, seconds=30)
