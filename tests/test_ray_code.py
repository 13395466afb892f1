"""Code of the user's own as it travels to workers: made in one process, used in another.

No cluster is started: what Ray carries is made and read by processes of these tests.
"""

import importlib.util
import subprocess
import sys

import pytest

from test_learner_runs import RULE

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="the extra ray is not installed"
)

SEND = """
import pickle, sys
import equinox as eqx, jax, jax.numpy as jnp
import blurax
from blurax.engine.ray_code import packed
from blurax.outer.jobs import Losses
from blurax.outer.objective import Objective
from blurax.outer.problem import Problem
from blurax.outer.numbers import flatten, numbers_of
from blurax.outer.space import LearnerSpace
from my_rules import Fading

class Slower(Fading):
    '''A class of the script, on one of a module: it calls both, itself and its base.'''
    half: float = eqx.field(static=True, default=0.5)
    def step(self, state, batch, **rest):
        slower = Slower(self.network, self.rate * self.half, self.keep, self.noise)
        after, _ = super(Slower, slower).step(state, batch, **rest)
        return after, None

rule, network = Slower(blurax.Network((4, 3, 3))), blurax.Network((4, 3, 3))
problem = Problem((blurax.task("iris"),), ((network,),), LearnerSpace(rule),
                  blurax.EpisodeSpec(3, 8, 8), Objective())
work, key = Losses(problem, 0), jax.random.key(0)
jobs = (flatten(numbers_of(rule))[None], jax.random.key_data(key), problem.draw(key))
data, buffers = packed(jax.device_get(work))
told = jax.device_get((jobs, work(*jobs)))
with open("sent", "wb") as file:
    pickle.dump((data, [bytes(b) for b in buffers], *told), file)
"""

RECEIVE = """
import pickle, sys
import equinox as eqx, jax, numpy as np
with open("sent", "rb") as file:
    data, buffers, jobs, told = pickle.load(file)
work = pickle.loads(data, buffers=buffers)
assert "my_rules" not in sys.modules
arrays, rest = eqx.partition(work, eqx.is_array)
work = eqx.combine(jax.device_put(arrays), rest)
np.testing.assert_array_equal(work(*jobs), told)
print("the same bits")
"""


def test_classes_of_modules_and_scripts_are_used_where_neither_is(tmp_path):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    (tmp_path / "here" / "my_rules.py").write_text(RULE, encoding="utf-8")
    (tmp_path / "here" / "send.py").write_text(SEND, encoding="utf-8")
    (tmp_path / "there" / "receive.py").write_text(RECEIVE, encoding="utf-8")

    def ran(script):
        done = subprocess.run(
            [sys.executable, str(script)],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    ran(tmp_path / "here" / "send.py")
    assert "the same bits" in ran(tmp_path / "there" / "receive.py")
