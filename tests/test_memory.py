"""What memory there is, as Linux and a container tell it."""

import jax
import pytest

from blurax import memory


@pytest.fixture
def linux(tmp_path, monkeypatch):
    """A machine with 8 GiB to give, and no control groups."""
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "_CONTROL", tmp_path / "control")
    (tmp_path / "meminfo").write_text(
        "MemTotal: 16777216 kB\nMemAvailable:  8388608 kB\n", encoding="utf-8"
    )
    return tmp_path


def group(folder, files):
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def test_a_machine_gives_what_is_available(linux):
    assert memory.on_host() == 8 * 2**30


def test_a_container_gives_what_its_group_has_left(linux):
    (linux / "groups").write_text("0::/user.slice/job\n", encoding="utf-8")
    files = {"memory.max": f"{2**30}\n", "memory.current": f"{2**29}\n"}
    group(linux / "control/user.slice/job", files | {"memory.stat": "anon 5\ninactive_file 1024\n"})
    assert memory.on_host() == 2**29 + 1024


def test_a_group_without_a_limit_limits_nothing(linux):
    (linux / "groups").write_text("0::/\n", encoding="utf-8")
    group(linux / "control", {"memory.max": "max\n", "memory.current": "5\n", "memory.stat": ""})
    assert memory.on_host() == 8 * 2**30


def test_a_group_of_the_first_kind_is_read_too(linux):
    (linux / "groups").write_text("9:name=systemd:/\n4:memory:/job\n0::/\n", encoding="utf-8")
    files = {"memory.limit_in_bytes": f"{2**30}\n", "memory.usage_in_bytes": "0\n"}
    group(linux / "control/memory", files | {"memory.stat": "total_inactive_file 0\n"})
    assert memory.on_host() == 2**30


def test_a_system_that_tells_nothing_has_all_its_memory_or_no_bound(linux, monkeypatch):
    (linux / "meminfo").unlink()
    monkeypatch.setattr("os.sysconf_names", {})
    assert memory.on_host() == float("inf")


def test_an_accelerator_gives_its_own_memory(linux, monkeypatch):
    class Device:
        platform = "gpu"

        def memory_stats(self):
            return {"bytes_limit": 3 * 2**30, "bytes_in_use": 2**30}

    monkeypatch.setattr(jax, "devices", lambda: [Device()])
    assert memory.available() == 2 * 2**30


@pytest.mark.parametrize(
    ("count", "words"),
    [(2048, "2.0 KiB"), (3.25 * 2**30, "3.2 GiB"), (2**60, "1,048,576 TiB"), (10**40, "9e+27 TiB")],
)
def test_sizes_are_readable(count, words):
    assert memory.size(count) == words
