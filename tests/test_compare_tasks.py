"""Tasks that no name stands for, compared as they are: in memory, in a directory, resumed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
import blurax.cli.commands as cli
from blurax.errors import BluraxError
from blurax.experiments import compare as experiment
from blurax.experiments.compare_reuse import reuse

X = np.random.default_rng(0).normal(size=(40, 3))
SIZE = {"hidden": ("3",), "budgets": (2,), "seeds": 2, "batch": 8, "baselines": ()}
GENOMES = {"exact": blurax.backprop(blurax.Rule.backprop(), 0.3)}


def draw(key, n):
    x = jax.random.normal(key, (n, 3))
    return x, jnp.argmax(x, axis=1)


def arrays(shift=0):
    return blurax.from_arrays(X, (np.argmax(X, axis=1) + shift) % 3, "own")


def test_they_are_compared_in_memory_beside_named_ones():
    drawn = blurax.from_function(draw, 3, 3, "drawn")
    found = blurax.compare(GENOMES, tasks=("xor", arrays(), drawn), **SIZE)
    assert [panel.task for panel in found.result.panels] == ["xor", "own", "drawn"]
    assert {source.name for source in found.result.plan.sources} == {"task own", "task drawn"}
    unnamed = blurax.from_function(lambda key, n: draw(key, n), 3, 3, "drawn")
    again = blurax.compare(GENOMES, tasks=unnamed, **SIZE)
    assert again.rows == found.rows[2:]


def test_an_optimiser_is_refused_before_a_genome_is_measured(tmp_path):
    size = {**SIZE, "tasks": "delayed-bit:delay=2", "baselines": ("sgd",)}
    for hidden, message in (("r3", "edges with a delay"), ("3", "has a time axis of 3 steps")):
        directory = tmp_path / hidden
        with pytest.raises(BluraxError, match=message):
            blurax.compare(GENOMES, **{**size, "hidden": hidden}, directory=directory)
        assert not directory.exists()


@pytest.mark.usefixtures("own_tasks_forgotten")
def test_a_directory_goes_on_with_the_same_task_only(tmp_path, monkeypatch, capsys):
    where = tmp_path / "it"
    found = blurax.compare(GENOMES, tasks=arrays(), **SIZE, directory=where)
    (cell,) = (where / "cells").iterdir()
    cell.unlink()
    assert blurax.compare(GENOMES, tasks=arrays(), **SIZE, directory=where) == found
    with pytest.raises(BluraxError, match="holds a comparison with other settings"):
        blurax.compare(GENOMES, tasks=arrays(1), **SIZE, directory=where)
    with pytest.raises(BluraxError, match="The task own is not the one that"):
        experiment.advance(where, own={"own": arrays(1)})
    assert cli.main(["compare", "--resume", str(where)]) == 2
    assert "the task own, which was given in Python; go on with the call of blurax.compare" in (
        capsys.readouterr().err
    )
    other = blurax.compare(GENOMES, tasks=arrays(1), **SIZE, directory=tmp_path / "other")
    (tmp_path / "other" / "cells" / cell.name).unlink()
    assert reuse(other.result.plan, tmp_path / "other", where) == 0
    blurax.add_task(arrays(1))
    with pytest.raises(BluraxError, match="The name own stands for another task than the one giv"):
        blurax.compare(GENOMES, tasks=arrays(), **SIZE)


TYPED = """
def draw(key, n):
    x = jax.random.normal(key, (n, 3))
    return x, jnp.argmax(x, axis=1)
"""


def test_a_task_without_a_source_is_compared_in_memory_only(tmp_path):
    names = {"__name__": "typed", "jax": jax, "jnp": jnp}
    exec(TYPED, names)
    task = blurax.from_function(names["draw"], 3, 3, "typed")
    assert blurax.compare(GENOMES, tasks=task, **SIZE).rows
    with pytest.raises(BluraxError, match="The source of typed cannot be found"):
        blurax.compare(GENOMES, tasks=task, **SIZE, directory=tmp_path / "new")
    assert not (tmp_path / "new").exists()
