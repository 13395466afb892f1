"""What fits what: networks, genomes and tasks."""

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


def test_sizes_and_names_of_networks():
    digits = get("digits")
    assert fit.network_for(digits, "32-16") == fit.network_for(digits, (32, 16))
    assert fit.network_for(digits, ()).sizes == fit.network_for(digits, "0").sizes == (64, 10)
    assert fit.network_for(digits, "c4").groups == ((8, 8, 1), (8, 8, 4), (10,))
