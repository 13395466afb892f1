"""Every recipe is a configuration that holds together, and the zoo's genomes can be made anew."""

import sys
from pathlib import Path

import equinox as eqx
import pytest

from blurax import zoo
from blurax.errors import BluraxError
from blurax.frozen import from_json, to_json
from blurax.genome import Genome
from blurax.io import load_genome
from blurax.outer.config import MetaTrain
from blurax.outer.recipes import RECIPES, get_recipe

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from quick_by_hand import NOTE, by_hand
from quick_by_hand import main as write_by_hand


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_the_way_to_json_and_back(name):
    config = get_recipe(name).config
    assert from_json(MetaTrain, to_json(config)) == config


def test_an_unknown_recipe_is_told_with_one_that_is_near():
    with pytest.raises(BluraxError, match="did you mean fig7-cma"):
        get_recipe("fig7cma")


@pytest.mark.parametrize("name", [name for name in zoo.names() if name != "backprop"])
def test_a_genome_of_the_zoo_was_made_by_the_recipe_of_its_name(name):
    genome, provenance = zoo.genome(name)
    assert from_json(MetaTrain, provenance.config) == get_recipe(name).config
    rule = get_recipe(name).config.rule
    if name == "quick":  # what was set by hand afterwards, see below
        rule = by_hand(evolved()).rule
    assert genome.rule == rule
    assert zoo.card(name).recipe.split(", then ")[0] == f"blurax meta-train --recipe {name}"


def evolved() -> Genome:
    """What the recipe quick made, before the step by hand."""
    return load_genome(Path(__file__).parent / "data" / "quick-evolved.safetensors")[0]


@pytest.mark.usefixtures("float32")
def test_the_zoos_quick_is_what_its_recipe_evolved_and_a_step_by_hand():
    before = evolved()
    assert before.rule == get_recipe("quick").config.rule
    genome, provenance = zoo.genome("quick")
    assert eqx.tree_equal(by_hand(before), genome)
    assert provenance.note == NOTE


@pytest.mark.usefixtures("float32")
def test_quick_by_hand_writes_the_zoos_file_and_refuses_another_rule(tmp_path):
    here, target = Path(__file__).parent / "data", tmp_path / "quick.safetensors"
    write_by_hand(here / "quick-evolved.safetensors", target)
    genome, provenance = load_genome(target)
    assert eqx.tree_equal(genome, zoo.genome("quick")[0])
    assert provenance.note == NOTE
    with pytest.raises(BluraxError, match="another rule than the recipe quick"):
        write_by_hand(zoo.find("conv"), target)
