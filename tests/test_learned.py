"""Learners of the library's own go by the name of their class: in runs, files and comparisons."""

import jax
import numpy as np
import pytest

import blurax
import blurax.cli.commands as cli
from blurax import io, zoo
from blurax.errors import BluraxError
from blurax.experiments.compare_entrants import read_entrant
from blurax.fit import network_for
from blurax.frozen import from_json
from blurax.learned import LEARNED, PerParameter, learned
from blurax.network import Network
from blurax.outer.methods import RandomSearch
from blurax.outer.numbers import check_step, named, numbers_of, with_network
from blurax.outer.recipes import get_recipe
from blurax.tasks import EpisodeSpec, get

TINY = blurax.MetaTrain(
    learner="PerParameter",
    method=RandomSearch(),  # whose programs compile faster than a gradient's
    tasks=("xor",),
    hidden=("3",),
    episode=EpisodeSpec(steps=2, batch=4, query=4),
    population=2,
    meta_steps=2,
    validate_every=1,
    validation_episodes=1,
)


@pytest.mark.parametrize("name", LEARNED)
def test_each_is_made_of_a_network_alone_and_its_numbers_fit_any_other(name):
    learner = learned(name)
    assert learner is not None
    assert type(learner).__qualname__ == name
    shapes = jax.tree.map(np.shape, named(numbers_of(learner)))
    for network in (Network((64, 10)), Network((64, 20, 30, 10))):
        other = learned(name, network)
        assert other is not None
        assert jax.tree.map(np.shape, named(numbers_of(other))) == shapes
        check_step(with_network(learner, network), get("digits"))


def test_a_name_that_is_none_of_them_is_no_learner():
    assert learned("Nobody") is None


def test_a_run_goes_by_the_name_and_resumes_without_the_class(tmp_path):
    whole = blurax.meta_train(TINY, tmp_path / "whole")
    given = blurax.meta_train(TINY, tmp_path / "given", learner=PerParameter(Network((2, 2))))
    assert isinstance(whole.learner, PerParameter)
    for one, other in leaves(whole.learner, given.learner):
        np.testing.assert_array_equal(one, other)
    cut = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        blurax.meta_train(TINY, cut, callback=interrupt)
    assert cli.main(["meta-train", "--resume", str(cut)]) in (0, None)
    assert (cut / "best.safetensors").read_bytes()
    resumed = blurax.load_learner(cut / "best.safetensors")
    assert isinstance(resumed, PerParameter)
    for one, other in leaves(resumed, whole.learner):
        np.testing.assert_array_equal(one, other)


def leaves(*learners):
    """The numbers of several, side by side."""
    return zip(*(jax.tree.leaves(numbers_of(each)) for each in learners), strict=True)


def interrupt(progress):
    """After the first meta-step, whose checkpoint is written."""
    raise KeyboardInterrupt


def test_a_class_of_ones_own_may_not_take_the_name(tmp_path):
    class FastWeights(PerParameter):
        """Not the library's."""

    FastWeights.__qualname__ = "FastWeights"
    with pytest.raises(BluraxError, match="FastWeights of your own"):
        blurax.meta_train(TINY, tmp_path / "mine", learner=FastWeights(Network((2, 2))))


def test_a_file_is_read_without_its_class_and_one_of_a_strange_class_is_not(tmp_path):
    origin = blurax.io.Provenance("0", "2000-01-01", 0, (), 0, None, {})
    path = tmp_path / "mine.safetensors"
    start = PerParameter(Network((2, 2)), seed=3)
    io.save_learner(path, "PerParameter", named(numbers_of(start)), origin)
    np.testing.assert_array_equal(blurax.load_learner(path).first, start.first)
    found = read_entrant("mine", path, {}).learned
    np.testing.assert_array_equal(found.first, start.first)
    io.save_learner(path, "Strange", {"rate": np.ones(2)}, origin)
    with pytest.raises(BluraxError, match="holds the numbers of Strange, which takes its class"):
        blurax.load_learner(path)


@pytest.mark.parametrize("name", zoo.learners())
def test_a_learner_of_the_zoo_loads_has_a_card_and_was_made_by_the_recipe_of_its_name(name):
    kind, _, provenance = io.load_learner(zoo.find(name))
    learner, card = blurax.load_learner(name), zoo.card(name)
    assert type(learner).__qualname__ == kind
    assert card.about
    assert card.recipe == f"blurax meta-train --recipe {name}"
    assert from_json(blurax.MetaTrain, provenance.config) == get_recipe(name).config
    assert provenance.meta_steps > 0


@pytest.mark.parametrize("name", zoo.learners())
def test_a_learner_of_the_zoo_is_no_genome(name, tmp_path, capsys):
    with pytest.raises(BluraxError, match=f"{name} is a learner, and this takes a genome"):
        blurax.load(name)
    for words in (["export", str(tmp_path / "new"), "--genome", name], ["train", name]):
        assert cli.main(words) == 2
        assert f"{name} is a learner, and this takes a genome" in capsys.readouterr().err


def test_the_zoo_lists_them(capsys):
    assert cli.main(["zoo"]) in (0, None)
    said = capsys.readouterr().out
    for name in zoo.learners():
        assert name in said
        assert cli.main(["zoo", name]) in (0, None)


@pytest.mark.parametrize("name", [name for name in LEARNED if name != "PerParameter"])
def test_a_network_that_is_no_chain_is_refused(name):
    with pytest.raises(BluraxError, match=f"{name} takes one such as"):
        learned(name, network_for(get("digits"), "c4k3s2-16"))
