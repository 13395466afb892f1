"""What fits what: networks, genomes and tasks, and the short form of hidden layers."""

import dataclasses

import jax
import pytest

from blurax import fit
from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.network import Network
from blurax.spec import Reduction, Rule, Update
from blurax.tasks import get

RULE = Rule(update=Update(batch=Reduction.MEAN))


def test_unfit_networks_are_refused():
    genome, iris = genomes.random(jax.random.key(1), RULE), get("iris")
    with pytest.raises(BluraxError, match="has 5 inputs and 3 outputs, but task iris has 4"):
        fit.blur_for(genome, Network((5, 3)), iris)
    layered = genomes.random(jax.random.key(1), dataclasses.replace(RULE, layers=2))
    with pytest.raises(BluraxError, match="genes for 2 synapse layers"):
        fit.blur_for(layered, Network((4, 3)), iris)


@pytest.mark.parametrize(
    ("text", "sizes"), [("32", (32,)), ("256-128", (256, 128)), ("0", ()), ("1-2-3", (1, 2, 3))]
)
def test_hidden_layers_in_short(text, sizes):
    assert fit.parse_hidden(text) == sizes


@pytest.mark.parametrize("text", ["", "a", "32-", "-5", "3.5", "32,16", "3-0", "0-0"])
def test_hidden_layers_that_are_none(text):
    with pytest.raises(BluraxError, match="The hidden layers"):
        fit.parse_hidden(text)
