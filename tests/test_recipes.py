"""Every recipe is a configuration that holds together, and the zoo's genomes can be made anew."""

import pytest

from blurax import zoo
from blurax.errors import BluraxError
from blurax.frozen import from_json, to_json
from blurax.outer.config import MetaTrain
from blurax.outer.recipes import RECIPES, get_recipe


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
    assert genome.rule == get_recipe(name).config.rule
    assert zoo.card(name).recipe == f"blurax meta-train --recipe {name}"
