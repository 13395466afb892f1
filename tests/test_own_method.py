"""A method that a user wrote: run, stopped, resumed, and read without its class."""

import dataclasses
import json
import shutil

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

import blurax
from blurax import genome as genomes
from blurax.analysis.runs_view import summary
from blurax.errors import BluraxError
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.methods import Method
from blurax.outer.problem import Problem
from blurax.outer.protocol import MetaInfo
from blurax.tasks import EpisodeSpec


class Climb(eqx.Module):
    """A (1+1)-ES: change the numbers at random, and keep the change where it was not worse."""

    problem: Problem
    std: float

    def init(self, key):
        return self.problem.space.start(key)

    @eqx.filter_jit
    def step(self, state, key):
        change, episode = jax.random.split(key)
        changed = genomes.perturb(change, state, self.std)
        before, after = self.problem.loss(state, episode), self.problem.loss(changed, episode)
        better = after <= before
        moved = jax.tree.map(lambda new, old: jnp.where(better, new, old), changed, state)
        return moved, MetaInfo(before[None], None, ~jnp.isfinite(before)[None])

    def genomes(self, state):
        return jax.tree.map(lambda leaf: leaf[None], state)

    def synchronise(self, state, best, key):
        return state


@dataclasses.dataclass(frozen=True)
class Climbing(Method):
    """How far it climbs."""

    name = "climbing"

    std: float = 0.1

    def trainer(self, config, problem, evaluator):
        return Climb(problem, self.std)


@dataclasses.dataclass(frozen=True)
class Falling(Climbing):
    name = "falling"


@dataclasses.dataclass(frozen=True)
class Taken(Climbing):
    name = "pes"


CONFIG = MetaTrain(
    tasks=("xor",),
    hidden=("3",),
    method=Climbing(std=0.2),
    episode=EpisodeSpec(2, 8, 8, held_out=16),
    population=1,
    meta_steps=4,
    validate_every=2,
    validation_episodes=1,
)


class StopError(Exception):
    """Ctrl-C, say."""


def files(directory):
    found = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in found}


def test_it_runs_and_resumes_to_the_same_bits(tmp_path):
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    run.start(CONFIG, whole)
    shutil.copytree(whole, torn)
    written = json.loads((whole / "config.json").read_text(encoding="utf-8"))
    assert written["config"]["method"] == {"name": "climbing", "std": 0.2}
    run.advance(whole, method=Climbing)

    def stop(progress):
        if progress.step == 3:
            raise StopError

    with pytest.raises(StopError):
        run.advance(torn, stop, method=Climbing)
    for method, message in (
        (None, "climbing, which is none of the library's; its run goes on with the class"),
        (Falling, "climbing, but the class given is falling"),
    ):
        with pytest.raises(BluraxError, match=message):
            run.advance(torn, method=method)
    assert summary(torn).method == "climbing"  # seen without its class
    run.advance(torn, method=Climbing)
    assert files(torn) == files(whole)
    result = blurax.meta_train(CONFIG, torn)  # the configuration has the class
    assert result.score > 0


@pytest.mark.usefixtures("unchecked")
def test_a_method_says_what_it_is():
    with pytest.raises(BluraxError, match="is a Taken with the name pes, which is one of the libr"):
        dataclasses.replace(CONFIG, method=Taken())
    with pytest.raises(BluraxError, match=r"MetaTrain\.method is 'climbing'; it takes one of grad"):
        dataclasses.replace(CONFIG, method="climbing")
