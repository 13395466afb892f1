"""A damaged run is computed again where it is damaged, and ends with the same bits."""

import json
import shutil
import threading
import warnings
from pathlib import Path

import jax
import pytest

from blurax import io
from blurax.errors import BluraxError
from blurax.frozen import to_json
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.metrics import read_metrics
from blurax.outer.repair import meta, read_log
from blurax.outer.state import first_state
from blurax.tasks import EpisodeSpec
from test_run import files

STEPS, EVERY = 8, 2
LINES = STEPS + STEPS // EVERY
"""Lines of a whole log: 3 for each validation, which come at the steps 2, 4, 6 and 8."""

CONFIG = MetaTrain(
    tasks=("xor",),
    hidden=("0",),
    episode=EpisodeSpec(2, 8, 8, held_out=16),
    population=2,
    meta_steps=STEPS,
    validate_every=EVERY,
    validation_episodes=1,
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("undisturbed")
    run.start(CONFIG, directory)
    run.advance(directory)
    return directory


@pytest.fixture
def damaged(undisturbed, tmp_path) -> Path:
    """A copy to be damaged."""
    directory = tmp_path / "run"
    shutil.copytree(undisturbed, directory)
    return directory


def change_line(directory: Path, number: int, change) -> None:
    """Put something else in the place of a line of the log, counted from 1."""
    path = directory / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number - 1] = change(lines[number - 1])
    path.write_bytes(b"".join(lines))


def edited(**values):
    """A line with other values; None takes one away."""

    def change(line: bytes) -> bytes:
        fields = json.loads(line) | values
        return json.dumps({k: v for k, v in fields.items() if v is not None}).encode() + b"\n"

    return change


def other_number(line: bytes) -> bytes:
    """One digit of a loss is another: a line like any other."""
    place = line.index(b".") + 1
    return line[:place] + bytes([line[place] ^ 1]) + line[place + 1 :]


CHANGES = {
    "no JSON": lambda line: b"x" + line,
    "binary": lambda line: b"\x00\xff\xfe\n",
    "nested": lambda line: b"[" * 100_000 + b"\n",
    "long number": lambda line: b'{"step": ' + b"9" * 5000 + b"}\n",
    "not finite": lambda line: line.replace(b"[", b"[NaN, ", 1),
    "no object": lambda line: b"[1]\n",
    "gone": lambda line: b"",
    "twice": lambda line: line + line,
    "empty": lambda line: b"\n",
    "cut": lambda line: line[:9] + b"\n",
    "without its end": lambda line: line[:-1],
    "without a step": edited(step=None),
    "wrong step": edited(step=99),
    "step of a fraction": edited(step=1.5),
    "step True": edited(step=True),
    "step a text": edited(step="1"),
    "without its content": edited(loss=None, accuracy=None),
    "spaced": lambda line: line.replace(b":", b" :", 1),
    "other number": other_number,
}


def resumed_from(directory: Path) -> int:
    """Resume; the meta-steps that were not computed again."""
    computed = []
    run.advance(directory, lambda progress: computed.append(progress.step))
    return computed[0] - 1 if computed else STEPS


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("line", [1, 4, 9, 10, LINES])
def test_no_checkpoint_is_taken_that_a_damaged_log_does_not_cover(damaged, undisturbed, name, line):
    change_line(damaged, line, CHANGES[name])
    log = read_log(damaged, CONFIG)
    digest = meta(CONFIG, undisturbed / "metrics.jsonl")
    whole = line if name == "twice" else line - 1  # lines that are as they were
    for step in range(EVERY, STEPS + 1, EVERY):
        last = step + step // EVERY
        assert log.covers(step, {}) == (last <= whole or name == "other number")
        if step == STEPS:
            assert log.covers(step, digest) == (last <= whole)


@pytest.mark.parametrize(
    ("name", "line", "kept"),
    [
        ("no JSON", 1, 0),  # before both checkpoints, which are those of 6 and 8
        ("binary", 9, 0),  # the validation of step 6
        ("gone", 10, 6),  # step 7
        ("twice", 10, 6),
        ("without a step", LINES, 6),  # the validation of step 8
        ("without its end", LINES, 6),
        ("other number", 10, 6),
        ("other number", 1, 0),
    ],
)
def test_a_damaged_log_is_computed_again(damaged, undisturbed, name, line, kept):
    change_line(damaged, line, CHANGES[name])
    with pytest.warns(UserWarning, match=rf"metrics.jsonl .*; going on from meta-step {kept},"):
        assert resumed_from(damaged) == kept
    assert files(damaged) == files(undisturbed)


def test_what_was_computed_again_is_kept_by_the_next_resume(damaged, undisturbed):
    class StopError(Exception):
        pass

    def stop(progress):
        if progress.step == 5:
            raise StopError

    change_line(damaged, 1, CHANGES["gone"])
    with pytest.warns(UserWarning, match="from meta-step 0,"), pytest.raises(StopError):
        run.advance(damaged, stop)
    with pytest.warns(UserWarning, match="from meta-step 4,"):
        assert resumed_from(damaged) == 4
    assert files(damaged) == files(undisturbed)


@pytest.mark.parametrize("content", [None, b"", b"\x7fELF" * 99])
def test_a_lost_log_is_computed_again(damaged, undisturbed, content):
    if content is None:
        (damaged / "metrics.jsonl").unlink()
    else:
        (damaged / "metrics.jsonl").write_bytes(content)
    with pytest.warns(UserWarning, match="from meta-step 0,"):
        assert resumed_from(damaged) == 0
    assert files(damaged) == files(undisturbed)


@pytest.mark.parametrize("tail", [b'{"st', b"\x00\x00", b"[1]\n", b'{"step": 9, "loss": [1.0]}\n'])
def test_what_is_beyond_the_checkpoint_goes_without_a_word(damaged, undisturbed, tail):
    with open(damaged / "metrics.jsonl", "ab") as file:
        file.write(tail)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resumed_from(damaged) == STEPS
    assert files(damaged) == files(undisturbed)


def test_a_damaged_line_and_a_damaged_checkpoint(damaged, undisturbed):
    """The log ends after step 6; the checkpoint of 6 is damaged, that of 8 is not covered."""
    change_line(damaged, 10, CHANGES["no JSON"])
    older = min((damaged / "checkpoints").iterdir())
    older.write_bytes(older.read_bytes()[:-1])
    with pytest.raises(BluraxError, match="remove what is damaged to start anew"):
        run.advance(damaged)
    assert (damaged / "metrics.jsonl").stat().st_size > 0  # nothing was dropped
    older.unlink()
    with pytest.warns(UserWarning, match="from meta-step 0,"):
        assert resumed_from(damaged) == 0
    assert files(damaged) == files(undisturbed)


@pytest.mark.parametrize("content", [None, b"", b"\x00" * 99])
def test_a_lost_or_damaged_best_genome_is_made_anew(damaged, undisturbed, content):
    path = damaged / "best.safetensors"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.warns(UserWarning, match="is made anew from the checkpoint"):
        assert resumed_from(damaged) == STEPS
    assert files(damaged) == files(undisturbed)


def test_the_best_genome_of_another_run_is_replaced(damaged, undisturbed):
    genome, provenance = io.load_genome(damaged / "best.safetensors")
    other = provenance.__class__(**{**vars(provenance), "seed": 1})
    io.save_genome(damaged / "best.safetensors", genome, other)
    run.advance(damaged)
    assert files(damaged) == files(undisturbed)


def test_checkpoints_without_a_digest_of_the_log_are_still_read(damaged):
    """As blurax wrote them before it kept one: their meta is the configuration."""
    trainer = CONFIG.trainer()
    like = first_state(trainer, CONFIG.space(), jax.random.key(CONFIG.seed))
    found = io.load_checkpoint(damaged / "checkpoints", like)
    assert found is not None
    step, state, _ = found
    io.save_checkpoint(damaged / "checkpoints", step, state, to_json(CONFIG))
    assert resumed_from(damaged) == STEPS
    change_line(damaged, LINES, CHANGES["no JSON"])
    with pytest.warns(UserWarning, match="from meta-step 6,"):
        assert resumed_from(damaged) == 6


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"created": None}, "lacks created"),
        ({"library_version": None}, "lacks library_version"),
        ({"created": 5}, "has created 5; it takes a text"),
        ({"created": "yesterday"}, "is damaged: Provenance.created"),
        ({"library_version": ["1"]}, "has library_version .*; it takes a text"),
    ],
)
def test_a_damaged_header_is_refused_at_once(damaged, values, message):
    path = damaged / "config.json"
    header = json.loads(path.read_text(encoding="utf-8")) | values
    path.write_text(
        json.dumps({k: v for k, v in header.items() if v is not None}), encoding="utf-8"
    )
    before = files(damaged)
    for attempt in (run.advance, run.members):
        with pytest.raises(BluraxError, match=rf"config\.json {message}"):
            attempt(damaged)
    assert files(damaged) == before


@pytest.mark.parametrize("name", ["no JSON", "gone", "twice", "without a step", "wrong step"])
def test_reading_a_damaged_log_says_what_resuming_does(damaged, name):
    change_line(damaged, 2, CHANGES[name])
    with pytest.raises(BluraxError, match="resume the run to compute it again"):
        read_metrics(damaged)


def test_reading_a_lost_log_says_what_resuming_does(damaged):
    (damaged / "metrics.jsonl").unlink()
    with pytest.raises(BluraxError, match="it is lost; resume the run to compute it again"):
        read_metrics(damaged)


def test_a_whole_log_is_whole(undisturbed):
    assert list(read_log(undisturbed, CONFIG).ends) == [2, 4, 6, 8]


def test_a_second_writer_is_refused_and_nothing_changes(damaged):
    before = files(damaged)
    heard = []

    def second():
        for attempt in (lambda: run.advance(damaged), lambda: run.start(CONFIG, damaged)):
            try:
                attempt()
            except BluraxError as error:
                heard.append(str(error))

    with io.writing(damaged, run.RUN):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(heard) == 2
    assert all("is being written by process" in message for message in heard)
    assert files(damaged) == before
