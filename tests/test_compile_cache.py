"""Where compiled programs are kept, and where they are not. Each test is a process of its own."""

import importlib
import os
import stat
import subprocess
import sys

import jax
import pytest

from blurax.io import compile_cache

FIT = """
import warnings
warnings.simplefilter("error")
import blurax, jax, numpy as np
assert jax.config.jax_compilation_cache_dir == GIVEN, "import alone"
hits = []
jax.monitoring.register_event_listener(
    lambda name, **_: hits.append(name) if name.endswith("/cache_hits") else None
)
x = np.arange(40.0).reshape(20, 2)
model = blurax.BlurClassifier(3, steps=2, batch_size=4, random_state=0)
print(model.fit(x, x[:, 0] > 20).predict_proba(x).sum(axis=0))
print(jax.config.jax_compilation_cache_dir, len(hits))
"""
keeps = pytest.mark.skipif(compile_cache._too_old(), reason="nothing is kept with this JAX")
SETTINGS = ("BLURAX_COMPILE_CACHE", "JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE")


def run(code, cache, **variables):
    """The last line that Python prints, and all lines."""
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    settings = kept | {"XDG_CACHE_HOME": str(cache)} | variables
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=settings, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def fitted(cache, given=None, **variables):
    """What a fit answers, the folder JAX has after it, and how many programs it found there."""
    *answer, end = run(FIT.replace("GIVEN", repr(given)), cache, **variables)
    folder, hits = end.rsplit(maxsplit=1)
    return answer, folder, int(hits)


def entries(folder):
    return [path for path in folder.iterdir() if path.name.endswith("-cache")]


@keeps
def test_a_second_process_finds_what_the_first_compiled(tmp_path):
    folder = tmp_path / "blurax" / "xla"
    first, where, none = fitted(tmp_path)
    assert (where, none) == (str(folder), 0)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    known = {path.name for path in entries(folder)}
    assert known
    second, _, hits = fitted(tmp_path)
    assert second == first
    assert hits > 0
    whole = {path: path.read_bytes() for path in entries(folder)}
    for number, (path, content) in enumerate(whole.items()):
        # As a full disk leaves them, or a disk that fails.
        flipped = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
        path.write_bytes(flipped if number % 2 else content[:50])
    third, _, hits = fitted(tmp_path)
    assert third == first
    assert hits == 0
    fourth, _, hits = fitted(tmp_path)  # the damaged ones were written anew
    assert fourth == first
    assert hits > 0


def test_an_entry_with_a_flipped_bit_is_removed(tmp_path, monkeypatch):
    module = importlib.import_module(compile_cache._INSIDE_JAX)
    for name in ("compress_executable", "decompress_executable"):
        monkeypatch.setattr(module, name, getattr(module, name))
    assert compile_cache._seal(tmp_path)
    entry = module.compress_executable(b"a program")
    assert module.decompress_executable(entry) == b"a program"
    flipped = bytes([entry[0], entry[1] ^ 4]) + entry[2:]
    for name, content in (("one-cache", flipped), ("other-cache", entry), ("one", flipped)):
        (tmp_path / name).write_bytes(content)
    for damaged in (flipped, entry[:-1], b""):
        with pytest.raises(ValueError, match="checksum"):
            module.decompress_executable(damaged)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other-cache"]


@keeps
@pytest.mark.parametrize(
    ("named", "folder"), [("off", "None"), ("{}/mine", "{}/mine"), ("{}/file/mine", "None")]
)
def test_a_variable_turns_it_off_or_moves_it(tmp_path, named, folder):
    (tmp_path / "file").touch()
    named, folder = named.format(tmp_path), folder.format(tmp_path)
    assert fitted(tmp_path / "usual", BLURAX_COMPILE_CACHE=named)[1] == folder
    assert not (tmp_path / "usual").exists()


def test_what_the_user_said_to_jax_holds(tmp_path):
    own = str(tmp_path / "own")
    assert fitted(tmp_path, own, JAX_COMPILATION_CACHE_DIR=own)[1] == own
    assert fitted(tmp_path, JAX_ENABLE_COMPILATION_CACHE="false")[1] == "None"
    assert not (tmp_path / "blurax").exists()


COMMAND = "import blurax.cli.commands as c; c.main(['zoo']); import jax; print(FOUND)"


@keeps
def test_the_command_line_keeps_too(tmp_path):
    found = COMMAND.replace("FOUND", "jax.config.jax_compilation_cache_dir")
    assert run(found, tmp_path)[-1] == str(tmp_path / "blurax" / "xla")


def test_a_folder_that_everybody_may_write_to_is_not_used(tmp_path):
    folder = tmp_path / "blurax" / "xla"
    assert compile_cache._is_usable(folder)
    folder.chmod(0o777)
    assert not compile_cache._is_usable(folder)


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_not_used(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert not compile_cache._is_usable(tmp_path / "locked")
    assert not compile_cache._is_usable(tmp_path / "locked" / "xla")


def test_a_folder_that_has_grown_keeps_what_was_used_last(tmp_path, monkeypatch):
    for age in range(8):
        path = tmp_path / f"{age}-cache"
        path.write_bytes(b"x" * 100)
        os.utime(path, (1e9 - age, 1e9 - age))
    monkeypatch.setattr(compile_cache, "LARGEST", 800)
    compile_cache._prune(tmp_path)
    assert len(entries(tmp_path)) == 8  # no more than it may have
    monkeypatch.setattr(compile_cache, "LARGEST", 799)
    compile_cache._prune(tmp_path)
    assert sorted(path.name for path in entries(tmp_path)) == [f"{n}-cache" for n in range(3)]
    compile_cache._prune(tmp_path / "nowhere")
    (tmp_path / "thesis.tex").write_bytes(bytes(2000))
    compile_cache._prune(tmp_path)  # of a folder that the user named, only what JAX keeps there
    assert (tmp_path / "thesis.tex").exists()
    assert len(entries(tmp_path)) == 3


@pytest.mark.parametrize(("version", "old"), [((0, 6, 2), True), ((0, 7, 0), False)])
def test_a_jax_that_reads_programs_wrong_keeps_none(version, old, monkeypatch):
    monkeypatch.setattr(jax, "__version_info__", version)
    assert compile_cache._too_old() == old
