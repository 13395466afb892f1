"""Every figure of the paper: it runs, is kept, resumes, and refuses what it should."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from blurax import findings, io
from blurax.analysis.findings_view import draw_findings
from blurax.errors import BluraxError
from blurax.experiments.figures import FIGURES, Budget, figure, make
from blurax.experiments.figures.common import PLAIN, accuracies, round_stops
from blurax.experiments.figures.long_run import watch
from blurax.experiments.figures.make import forget
from blurax.experiments.figures.work import Work
from blurax.fit import network_for
from blurax.frozen import to_json
from blurax.genome import random
from blurax.learner import Blur
from blurax.tasks import get
from test_figures_stored import NOT_BORNE_OUT

pytestmark = pytest.mark.long

SMOKE = Budget.SMOKE


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder that all figures of this module share, with the genomes they have in common."""
    return tmp_path_factory.mktemp("figures")


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_made_drawn_and_not_made_again(name, home):
    found, folder = make(FIGURES[name], SMOKE, home)
    assert found.charts or found.tables or found.images
    assert (found.figure, found.budget) == (name, "smoke")
    assert findings.read(folder / "findings.json") == found
    picture = draw_findings(found, folder / "figure.png")
    assert picture.stat().st_size > 5_000
    genomes = sorted(home.glob("smoke/genomes/*/checkpoints/*"))
    kept = {path: path.stat().st_mtime_ns for path in [*genomes, *folder.glob("cells/*.npz")]}
    said = []
    again, _ = make(FIGURES[name], SMOKE, home, said.append)
    assert again == found
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert not any("of 2" in words and "meta-training" in words for words in said)


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize("moment", ["states-2: 1 of 2", "digits--8--3"])
def test_an_interrupted_figure_goes_on_to_the_same_findings(moment, home, tmp_path):
    """Interrupted within meta-training, and before a measurement."""
    whole, _ = make(FIGURES["13"], SMOKE, home)
    said = []

    def interrupt(text):
        said.append(text)
        if moment in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(FIGURES["13"], SMOKE, tmp_path, interrupt)
    assert not list(tmp_path.rglob("findings.json"))
    assert make(FIGURES["13"], SMOKE, tmp_path)[0] == whole


@pytest.mark.parametrize("name", FIGURES)
def test_a_night_is_longer_where_a_claim_fails_and_the_same_elsewhere(name):
    each, failing = FIGURES[name], {*NOT_BORNE_OUT}
    cpu, night = (each.trainings(each.setting(b)) for b in (Budget.CPU, Budget.NIGHT))
    assert night.keys() == cpu.keys()
    shared = {"6": "5"}.get(name, name)  # figures that share a genome
    if shared not in failing:
        assert night == cpu
    for run, config in night.items() if shared in failing else ():
        assert config.meta_steps * config.population >= 8 * (
            cpu[run].meta_steps * cpu[run].population
        )


@pytest.mark.parametrize("budget", Budget)
def test_genomes_of_one_name_are_the_same_run(budget):
    seen = {}
    for each in FIGURES.values():
        for name, config in each.trainings(each.setting(budget)).items():
            assert seen.setdefault(name, config) == config
    assert len(seen) >= 14
    shared = [{*FIGURES[n].trainings(FIGURES[n].setting(budget))} for n in ("5", "6", "14")]
    assert shared[0] == shared[1] == shared[2]


@pytest.mark.parametrize("name", FIGURES)
def test_settings_can_be_written_down(name):
    settings = FIGURES[name].settings
    assert {*Budget} - {Budget.NIGHT} <= {*settings}  # a night is for figures that fail in minutes
    for setting in settings.values():
        assert json.loads(json.dumps(to_json(setting)))


def test_figures_that_are_drawn_together():
    assert figure("4") is FIGURES["3"]
    assert figure("17") is FIGURES["9"]


def test_a_figure_that_there_is_not():
    with pytest.raises(BluraxError, match="There is no figure '1'; there are 2, 3, 4, 5"):
        figure("1")


@pytest.fixture
def work(tmp_path):
    return Work("8", "smoke", tmp_path, FIGURES["8"].settings[SMOKE], {})


def test_a_cell_is_computed_once(work):
    calls = []

    def compute():
        calls.append(1)
        return {"score": np.arange(3.0)}

    for _ in range(2):
        np.testing.assert_array_equal(work.cell("a", compute)["score"], [0, 1, 2])
    assert len(calls) == 1


def test_a_cell_that_is_interrupted_is_computed_again(work):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.cell("a", interrupted)
    assert work.cell("a", lambda: {"score": np.ones(1)})["score"] == 1


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", None])
def test_a_damaged_cell_is_named(work, damage):
    work.cell("a", lambda: {"score": np.arange(1000.0)})
    path = work.directory / "cells" / "a.npz"
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    with pytest.raises(BluraxError, match=r"a\.npz is damaged; remove it"):
        work.cell("a", lambda: {"score": np.ones(1)})


def test_other_settings_are_refused(work):
    work.begin()
    work.begin()
    other = dataclasses.replace(work, setting=dataclasses.replace(work.setting, seeds=9))
    with pytest.raises(BluraxError, match="other settings; --redo"):
        other.begin()
    (work.directory / "setting.json").write_text("{", encoding="utf-8")
    with pytest.raises(BluraxError, match="other settings; --redo"):
        work.begin()


def test_forgetting_spares_what_is_new_and_what_others_need(tmp_path):
    folder = tmp_path / "smoke"
    for name in ("curriculum", "states-2"):
        io.write_text(folder / "genomes" / name / "config.json", "{}")
    for name in ("5", "6"):
        io.write_text(folder / f"figure-{name}" / "setting.json", "{}")
    assert forget(FIGURES["5"], SMOKE, tmp_path, frozenset({"curriculum"})) == {"curriculum"}
    assert not (folder / "figure-5").exists()
    assert (folder / "figure-6").exists()
    assert (folder / "genomes" / "curriculum").exists()
    forget(FIGURES["5"], SMOKE, tmp_path, frozenset())
    assert not (folder / "genomes" / "curriculum").exists()
    assert (folder / "genomes" / "states-2").exists()


def test_labels_are_random_only_after_the_change():
    task, genome = get("digits"), random(jax.random.key(5), PLAIN)
    whole = watch(genome, task, "8", 12, 2, None)
    changed = watch(genome, task, "8", 12, 2, 7)
    for key in ("accuracy", "synapses", "activations"):
        assert whole[key].shape == (2, 12)
        np.testing.assert_array_equal(whole[key][:, :7], changed[key][:, :7])
    assert np.all(whole["synapses"][:, 7:] != changed["synapses"][:, 7:])


def test_a_watched_episode_is_the_episode_of_a_comparison():
    task, genome = get("digits"), random(jax.random.key(5), PLAIN)
    seen = watch(genome, task, "8", 10, 2, None)["accuracy"]
    stops = [stop - 1 for stop in round_stops(10)]
    np.testing.assert_allclose(seen[:, stops], accuracies(genome, "digits", "8", 10, 2), atol=1e-6)
    assert Blur(genome, network_for(task, (8,))).network.sizes == (64, 8, 10)
