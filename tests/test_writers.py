"""Comparisons and figures have one writer, and mend or refuse what is damaged."""

import contextlib
import shutil
import threading
from collections.abc import Iterator

import pytest

from blurax import io
from blurax.errors import BluraxError
from blurax.experiments import compare
from blurax.experiments.compare_reuse import reuse
from blurax.experiments.figures import FIGURES, Budget
from blurax.experiments.figures.make import forget, make
from test_compare import entrants_of, finished, genome_file, plan_for  # noqa: F401  the fixtures
from test_run import files

pytestmark = pytest.mark.long

BUSY = "is being written by process"


@contextlib.contextmanager
def another_writer(directory) -> Iterator[None]:
    """In here another thread writes into a directory."""
    begun, done = threading.Event(), threading.Event()

    def write() -> None:
        with io.writing(directory, "thing"):
            begun.set()
            done.wait(60)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert begun.wait(60)
        yield
    finally:
        done.set()
        thread.join()


def test_a_comparison_has_one_writer(finished, genome_file, tmp_path):  # noqa: F811
    copy = tmp_path / "copy"
    shutil.copytree(finished[0], copy)
    plan = plan_for(genome_file)
    with another_writer(copy):
        before = files(copy)
        for attempt in (
            lambda: compare.start(plan, entrants_of(genome_file), copy),
            lambda: compare.advance(copy),
            lambda: reuse(plan, copy, finished[0]),
        ):
            with pytest.raises(BluraxError, match=BUSY):
                attempt()
        assert files(copy) == before


@pytest.mark.parametrize("damage", [None, b"x"])
def test_a_lost_copy_of_a_genome_is_made_again(finished, genome_file, tmp_path, damage):  # noqa: F811
    copy = tmp_path / "copy"
    shutil.copytree(finished[0], copy)
    kept = copy / compare.GENOMES / genome_file.name
    kept.unlink() if damage is None else kept.write_bytes(damage)
    compare.start(plan_for(genome_file), entrants_of(genome_file), copy)
    assert files(copy) == files(finished[0])


@pytest.mark.parametrize("other", ["0-0-fa", "0-0-exact"])
def test_the_cell_of_another_learner_is_none(finished, genome_file, tmp_path, other):  # noqa: F811
    copy = tmp_path / "copy"
    shutil.copytree(finished[0], copy)
    cells = copy / compare.CELLS
    shutil.copy(cells / f"{other}.json", cells / "0-0-sgd.json")
    with pytest.raises(BluraxError, match=r"0-0-sgd\.json is damaged; remove it"):
        compare.advance(copy)
    plan = plan_for(genome_file)
    compare.start(plan, entrants_of(genome_file), tmp_path / "new")
    with pytest.raises(BluraxError, match=r"copy/.*0-0-sgd\.json is damaged"):
        reuse(plan, tmp_path / "new", copy)


@pytest.mark.parametrize("held", ["figure-5", "genomes/curriculum"])
def test_nothing_of_a_figure_goes_while_another_process_writes(tmp_path, held):
    folder = tmp_path / "smoke"
    for name in ("genomes/curriculum/config.json", "figure-5/setting.json"):
        io.write_text(folder / name, "{}")
    with another_writer(folder / held):
        before = files(folder)
        with pytest.raises(BluraxError, match=BUSY):
            forget(FIGURES["5"], Budget.SMOKE, tmp_path, frozenset())
        assert files(folder) == before


def test_a_figure_has_one_writer(tmp_path):
    with (
        another_writer(tmp_path / "smoke" / "figure-11"),
        pytest.raises(BluraxError, match=f"The figure in .* {BUSY}"),
    ):
        make(FIGURES["11"], Budget.SMOKE, tmp_path)
