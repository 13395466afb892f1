"""What users give for a path, and what the system says to it: a sentence, never a traceback."""

import os
from pathlib import Path

import pytest

from blurax import MetaTrain, api, io, zoo
from blurax.analysis.runs_view import find_runs
from blurax.cli.commands import main
from blurax.errors import BluraxError
from blurax.outer import run

pytestmark = pytest.mark.usefixtures("unchecked")
NO_PATHS = [b"x", 5, None, [], object(), True, "a\0b", "\ud800", "x" * 5000, "a/" * 3000 + "x.y"]
CONFIG = MetaTrain(tasks=("digits",), meta_steps=1)


@pytest.mark.parametrize("value", NO_PATHS, ids=lambda value: repr(value)[:12])
def test_what_is_no_path_is_refused_in_a_short_sentence(value):
    genome, provenance = zoo.genome("default")
    calls = (
        api.load,
        io.load_genome,
        lambda given: io.save_genome(given, genome, provenance),
        lambda given: api.meta_train(CONFIG, given),
        lambda given: io.load_checkpoint(given, {}),
    )
    for call in calls:
        with pytest.raises(BluraxError) as refused:
            call(value)
        assert len(str(refused.value)) < 1000


def test_a_directory_that_cannot_be_is_refused(tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("in the way", "utf-8")
    inside = tmp_path / "file" / "run"
    with pytest.raises(BluraxError, match="cannot be made a directory"):
        run.start(CONFIG, inside)
    for command in (["meta-train", "--tasks", "digits"], ["demo"]):
        assert main([*command, "--directory", str(inside)]) == 2
        assert "cannot be made a directory" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").write_text("in the way", "utf-8")
    assert main(["meta-train", "--tasks", "digits"]) == 2
    assert "runs cannot be made a directory" in capsys.readouterr().err


def test_what_the_system_refuses_is_told_by_a_command(capsys, monkeypatch):
    def refuse(name: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(name))

    monkeypatch.setattr(Path, "exists", refuse)
    assert main(["runs", "somewhere"]) == 2
    assert "blurax: somewhere cannot be read: Permission denied." in capsys.readouterr().err


NEST = '{"config": ' + "[" * 100_000 + "]" * 100_000 + "}"
BAD = {
    "nest": NEST,
    "number": '{"config": {"seed": ' + "9" * 5000 + "}}",
    "nests": '{"config": {"seed": ' + "[" * 700 + "]" * 700 + "}}",
    "latin": b'{"config": "\xe4"}',
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_run_that_cannot_be_read_does_not_hide_the_others(tmp_path, bad, capsys):
    run.start(CONFIG, tmp_path / "good")
    (tmp_path / "bad").mkdir()
    content = bad if isinstance(bad, bytes) else bad.encode()
    (tmp_path / "bad" / "config.json").write_bytes(content)
    found = {each.directory.name: each for each in find_runs(tmp_path)}
    assert found["good"].tasks == "digits"
    assert found["bad"].method == "-"
    assert found["bad"].trouble
    assert len(found["bad"].trouble) <= 2000
    assert main(["runs", str(tmp_path)]) == 0
    with pytest.raises(BluraxError):
        io.read_json(tmp_path / "nothing.json")


def test_what_is_called_as_a_run_and_is_none_hides_no_other(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("good", "log", "pipe", "genome", "lost"):
        run.start(CONFIG, tmp_path / name)
    for name in ("directory", "circle", "dangling", "large", "config pipe"):
        (tmp_path / name).mkdir()
    (tmp_path / "directory" / "config.json").mkdir()
    (tmp_path / "circle" / "config.json").symlink_to("config.json")
    (tmp_path / "circle" / "up").symlink_to("..")
    (tmp_path / "dangling" / "config.json").symlink_to("nowhere")
    os.mkfifo(tmp_path / "config pipe" / "config.json")
    os.mkfifo(tmp_path / "pipe" / "metrics.jsonl")
    (tmp_path / "genome" / "best.safetensors").mkdir()
    (tmp_path / "lost" / "best.safetensors").touch()
    for path in ("large/config.json", "log/metrics.jsonl"):
        with open(tmp_path / path, "wb") as file:
            file.truncate(2**40)  # of holes
    found = {each.directory.name: each for each in find_runs(tmp_path)}
    assert found.pop("good").trouble == ""
    said = {name: each.trouble.replace(str(tmp_path), "") for name, each in found.items()}
    assert said == {
        "directory": "/directory/config.json is not the configuration of a run: "
        "/directory/config.json cannot be read: it is a folder, and not a file.",
        "circle": "/circle holds no run: there is no config.json in it.",
        "dangling": "/dangling holds no run: there is no config.json in it.",
        "large": "/large/config.json is not the configuration of a run: /large/config.json has "
        "more than 67,108,864 bytes, the most it may; check the path.",
        "config pipe": "/config pipe/config.json is not the configuration of a run: "
        "/config pipe/config.json cannot be read: it is a device or a pipe, and not a file.",
        "log": "/log/metrics.jsonl is damaged in line 1; resume the run to compute it again from "
        "there.",
        "pipe": "/pipe/metrics.jsonl cannot be read: it is a device or a pipe, and not a file.",
        "genome": "/genome has no metrics.jsonl: it is lost; resume the run to compute it again.",
        "lost": "/lost has no metrics.jsonl: it is lost; resume the run to compute it again.",
    }
    assert main(["runs", "."]) == 0  # a long path would be folded
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("good", "log", "pipe", "large", "circle"))


def test_runs_are_found_however_deep(tmp_path, monkeypatch):
    run.start(CONFIG, tmp_path / "good")
    monkeypatch.chdir(tmp_path)
    deep = 1500
    for _ in range(deep):
        os.mkdir("d")
        os.chdir("d")
    try:
        assert [each.directory.name for each in find_runs(tmp_path)] == ["good"]
    finally:  # too deep for what tidies up after tests
        for _ in range(deep):
            os.chdir("..")
            os.rmdir("d")
