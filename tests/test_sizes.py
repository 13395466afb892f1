"""Sizes that cannot be had, and seeds out of range, are refused before anything is written."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_iris

import blurax
import blurax.cli.commands as cli
from blurax import memory
from blurax.bounds import check_seed
from blurax.capacity import check_episodes
from blurax.errors import BluraxError
from blurax.estimator.rows import Examples
from blurax.links import Masked
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.needs import check_memory
from blurax.outer.recipes import get_recipe
from blurax.tasks import EpisodeSpec, Split, from_arrays, get

HUGE = 10**20
RULE = """
import equinox as eqx
import jax.numpy as jnp

import blurax


class Line(blurax.Learner):
    network: blurax.Network = eqx.field(static=True)
    rate: object = eqx.field(converter=jnp.asarray, default=0.1)
    width: int = eqx.field(static=True, default=1)

    def init(self, key, batch):
        return jnp.zeros((2, 2)), jnp.zeros((self.width, 1000))

    def step(self, state, batch, *, rate, key, index):
        return (state[0] + self.rate * batch.x.T @ batch.y, state[1]), None

    def predict(self, state, x):
        return x @ state[0]


def wide(network):
    return Line(network, width=10**7)
"""
"""A rule of one's own with a state of 8 numbers, or of ten thousand million."""
META_TRAIN = ("meta-train", "--directory", "out")
COMPARE = ("compare", "default", "--baselines", "sgd", "--directory", "out")
TRAIN = ("train", "default", "--directory", "out")
SHOW = ("show", "default", "--task", "digits", "--png", "out.png")


@pytest.fixture(autouse=True)
def away_from_home(tmp_path, monkeypatch):
    """A folder of its own, and a machine of 16 GiB."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(memory, "on_host", lambda: 2.0**34)
    monkeypatch.setattr(memory, "available", lambda: 2.0**34)
    monkeypatch.setattr("blurax.capacity.available", lambda: 2.0**34)


def refused(words, capsys, tmp_path):
    """What a command says that is refused, and leaves nothing; without the frame of tyro's."""
    assert cli.main([str(word) for word in words]) == 2
    said = capsys.readouterr()
    assert list(tmp_path.iterdir()) == []
    assert len(said.err + said.out) < 1000
    return " ".join((said.err + said.out).replace("│", " ").split())


@pytest.mark.parametrize(
    "words",
    [
        (*META_TRAIN, "--episode.batch", 10**7),
        (*META_TRAIN, "--hidden", "100000-100000"),
        (*META_TRAIN, "--population", 10**6),
        (*META_TRAIN, "--population", 10**9),
        (*META_TRAIN, "--population", 10**5, "--method", "random-search"),
        (*META_TRAIN, "--meta-steps", 10**9, "--method", "cma-es"),
        (*META_TRAIN, "--meta-steps", 10**9, "--validate-every", 10**9),
        (*META_TRAIN, "--episodes", 10**9),
        (*META_TRAIN, "--episodes", 10**9, "--method", "cma-es"),
        (*META_TRAIN, "--episodes", 10**9, "--job-size", 1),
        (*META_TRAIN, "--validation-episodes", 10**9),
        (*META_TRAIN, "--validation-steps", 10**7),
        (*META_TRAIN, "--episode.query", 10**9, "--tasks", "xor"),
        (*META_TRAIN, "--episode.held-out", 10**9, "--tasks", "xor"),
        (*META_TRAIN, "--vary.batches", 10**8),
        (*META_TRAIN, "--method", "es", "--method.pairs", 10**9),
        (*META_TRAIN, "--es.pairs", 10**7, "--method", "pes", "--objective.when", "mean"),
        (*META_TRAIN, "--forward-chunk", 10**6, "--rule.states", 300, "--method", "forward"),
        (*META_TRAIN, "--curriculum.add", 10**5, "--curriculum.every", 100),
        (*META_TRAIN, "--tasks", "linear-noise:features=1000000000"),
        (*TRAIN, "--task", "teacher:rows=1000000000"),
        (*META_TRAIN, "--rule.states", 10**5),
        (*META_TRAIN, "--episode.batch", 10**5, "--hidden", 10**5, "--rule.update.decorrelate"),
        (*TRAIN, "--seeds", 10**6),
        (*TRAIN, "--batch", 10**7),
        (*TRAIN, "--steps", 10**9, "--batch", 1),
        (*TRAIN, "--hidden", "100000-100000"),
        (*COMPARE, "--seeds", 10**6),
        (*COMPARE, "--batch", 10**7, "--steps", 10),
        (*COMPARE, "--tuning.seeds", 10**9),
        (*COMPARE, "--hidden", "100000-100000"),
        (*SHOW, "--seeds", 10**9),
        (*SHOW, "--steps", 10**6),
        (*SHOW, "--hidden", "100000-100000"),
        ("demo", "--directory", "out", "--seeds", 10**6),
    ],
    ids=lambda words: " ".join(map(str, words)),
)
def test_what_would_not_fit_is_told_with_an_estimate(words, capsys, tmp_path):
    said = refused(words, capsys, tmp_path)
    found = re.search(
        r"would take about ([\d.,e+]+) (GiB|TiB) of memory, and there are 16.0 GiB", said
    )
    assert found, said
    assert float(found[1].replace(",", "")) > (16 if found[2] == "GiB" else 0.9)


@pytest.mark.parametrize("task", ["teacher:rows=1000000000", "delayed-bit:delay=1000000000"])
def test_a_task_that_would_not_fit_is_not_drawn(task, capsys, tmp_path):
    assert cli.main(["tasks", "show", task, "--directory", "out"]) == 2
    assert list(tmp_path.iterdir()) == []
    assert "of memory, and there are 16.0 GiB" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("learner", "words"),
    [
        ("Line", ("--episode.batch", 10**8)),
        ("Line", ("--population", 10**6)),
        ("Line", ("--population", 10**9)),
        ("Line", ("--episodes", 10**9)),
        ("Line", ("--validation-episodes", 10**9)),
        ("Line", ("--validation-steps", 10**7)),
        ("wide", ()),
    ],
)
def test_a_run_of_a_rule_of_ones_own_is_estimated_too(
    learner, words, capsys, tmp_path, tmp_path_factory
):
    file = tmp_path_factory.mktemp("rules") / "rule.py"
    file.write_text(RULE, "utf-8")
    common = ("--learner", f"{file}:{learner}", "--tasks", "xor", "--hidden", 4)
    said = refused((*META_TRAIN, *common, *words), capsys, tmp_path)
    assert "of memory, and there are 16.0 GiB" in said


@pytest.mark.parametrize(
    "words",
    [
        *((*META_TRAIN, f"--{name}", HUGE) for name in ("population", "meta-steps", "episodes")),
        *((*META_TRAIN, f"--episode.{name}", HUGE) for name in ("steps", "batch", "query")),
        (*META_TRAIN, "--method", "es", "--method.pairs", HUGE),
        (*META_TRAIN, "--tasks", f"linear-noise:rows={HUGE}"),
        (*META_TRAIN, "--tasks", f"blobs:classes={HUGE}"),
        *((*TRAIN, f"--{name}", HUGE) for name in ("seeds", "batch", "steps", "hidden")),
        (*TRAIN, "--hidden", "9" * 5000),
        *((*COMPARE, f"--{name}", HUGE) for name in ("seeds", "batch", "steps")),
        *((*SHOW, f"--{name}", HUGE) for name in ("seeds", "steps", "hidden")),
        ("demo", "--directory", "out", "--seeds", HUGE),
    ],
    ids=lambda words: " ".join(map(str, words))[:60],
)
def test_counts_beyond_32_bits_are_refused(words, capsys, tmp_path):
    said = refused(words, capsys, tmp_path)
    assert "it takes a whole number <= 2147483647" in said or "more than 10 digits" in said


@pytest.mark.parametrize(
    "words", [(*META_TRAIN, "--episode.steps", 10**9), (*TRAIN, "--steps", 10**9)]
)
def test_more_examples_than_can_be_numbered_are_refused(words, capsys, tmp_path):
    assert "an episode of 128000000000 examples; it takes up to 2147483647" in refused(
        words, capsys, tmp_path
    )


def test_sequences_are_counted_by_time_steps_and_examples(monkeypatch):
    needed = []
    monkeypatch.setattr("blurax.capacity.available", lambda: 0.0)
    monkeypatch.setattr(
        "blurax.capacity.require_memory", lambda found, *words: needed.append(found)
    )
    task, spec = get("delayed-bit:delay=999"), EpisodeSpec(10, 8, 8)
    network, rule = blurax.Network((1, 4, 2)), blurax.Rule.backprop()
    check_episodes(network, rule, task, spec, 1, Split.TEST, 10)
    without, all_needed = needed
    number = jnp.zeros(()).nbytes
    inputs = 1000 * number
    assert without > 10 * 8 * inputs
    examples = 2000
    assert all_needed - without > examples * inputs


def test_the_demo_fits_in_a_small_machine(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2.0**29)
    monkeypatch.setattr("blurax.capacity.available", lambda: 2.0**29)
    check_memory(get_recipe("demo").config)


@pytest.mark.parametrize("seed", [-1, 2**32, 2**32 + 5, HUGE])
@pytest.mark.parametrize("command", [META_TRAIN, COMPARE, TRAIN], ids=lambda words: words[0])
def test_a_command_refuses_a_seed_out_of_range(command, seed, capsys, tmp_path):
    said = refused((*command, f"--seed={seed}"), capsys, tmp_path)
    assert f"seed is {seed}; it takes a whole number from 0 to 4294967295." in said


@pytest.mark.parametrize("seed", [-1, 2**32, HUGE, -(10**5000)], ids=["-1", "2^32", "e20", "e5000"])
def test_the_library_refuses_a_seed_out_of_range(seed, iris):
    genome, network, task = blurax.load("default"), blurax.Network((2, 2)), blurax.task("xor")
    x, y = iris
    for call in (
        lambda: blurax.learn(genome, network, task, steps=1, key=seed),
        lambda: from_arrays(x, y, seed=seed),
        lambda: blurax.BlurClassifier(3, steps=1, random_state=seed).fit(x, y),
        lambda: blurax.BlurRegressor(3, steps=1, random_state=seed).fit(x, y),
        lambda: MetaTrain(seed=seed),
        lambda: Masked(seed=seed),
    ):
        with pytest.raises(BluraxError, match="it takes a whole number from 0 to 4294967295"):
            call()


@pytest.fixture
def iris():
    return load_iris(return_X_y=True)


@pytest.mark.parametrize("seed", [True, 1.5, "3", None, np.float64(2)])
def test_what_is_no_whole_number_is_no_seed(seed):
    with pytest.raises(
        BluraxError, match=r"seed is .*; it takes a whole number from 0 to 4294967295"
    ):
        check_seed("seed", seed)
    assert check_seed("seed", np.uint32(7)) == 7


def test_every_seed_in_range_is_a_key_of_its_own():
    """Why the range ends where it does: the seeds beyond it are keys that others have."""
    data = [np.asarray(jax.random.key_data(jax.random.key(s))) for s in (0, 1, 2**31, 2**32 - 1)]
    assert len({one.tobytes() for one in data}) == 4
    for seed in (0, 2**32 - 1):
        check_seed("seed", seed)


@pytest.mark.usefixtures("float32")
def test_a_seed_beyond_the_range_would_be_another_one():
    one, other = (jax.random.key_data(jax.random.key(seed)) for seed in (5, 2**32 + 5))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 10**12}, "steps is 1000000000000; it takes a whole number <= 2147483647"),
        ({"steps": 10**5000}, "steps is a number of about 5000 digits"),
        ({"steps": 10**9}, "The learning curve of 1000000000 steps would take about 29.8 GiB"),
        ({"epochs": 2**31 - 1}, "The number of steps, by steps or epochs, is 2516582"),
        ({"batch_size": 10**9}, r"hidden \(256, 128\) and batch_size 1000000000, with 4 inputs"),
        ({"hidden": (10**6, 10**6)}, "would take about .* TiB of memory"),
        (
            {"hidden": 2**31},
            "A size of hidden is 2147483648; it takes a whole number <= 2147483647",
        ),
    ],
    ids=["steps", "digits", "curve", "epochs", "batch", "layers", "size"],
)
def test_an_estimator_refuses_what_would_not_fit(options, message, iris):
    model = blurax.BlurClassifier(**options)
    with pytest.raises(BluraxError, match=message):
        model.fit(*iris)
    assert not hasattr(model, "_learning")


def test_a_batch_of_many_rounds_is_the_rounds_one_after_the_other():
    examples = Examples(np.zeros((3, 1)), np.zeros((3, 1)), np.ones(3))
    rng, other = np.random.default_rng(0), np.random.default_rng(0)
    batches = examples.batches(rng, 4)
    found = np.concatenate([next(batches) for _ in range(3)])
    expected = np.concatenate([examples.one_round(other) for _ in range(4)])
    np.testing.assert_array_equal(found, expected)


def test_a_configuration_of_which_nothing_came_is_replaced(tmp_path):
    first = MetaTrain(tasks=("iris",), episode=EpisodeSpec(2, 8, 8), seed=1)
    other = dataclasses.replace(first, seed=2)
    run.start(first, tmp_path)
    run.start(other, tmp_path)
    assert run.read_config(tmp_path)[0] == other
    (tmp_path / "metrics.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(BluraxError, match="already holds a run"):
        run.start(first, tmp_path)


def test_a_run_is_not_taken_up_where_it_would_not_fit(tmp_path, monkeypatch):
    config = MetaTrain(tasks=("iris",), episode=EpisodeSpec(2, 8, 8))
    run.start(config, tmp_path)
    monkeypatch.setattr("blurax.capacity.available", lambda: 10_000.0)
    monkeypatch.setattr(memory, "available", lambda: 10_000.0)
    with pytest.raises(BluraxError, match=r"would take about .* KiB of memory, and there are 9.8"):
        run.advance(tmp_path)


def test_memory_that_runs_out_all_the_same_is_told(monkeypatch, capsys):
    errors = [MemoryError(), jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 5 bytes")]

    def exhausted(*words, **options):
        raise errors.pop()

    monkeypatch.setattr("blurax.zoo.genome", exhausted)
    for _ in range(2):
        assert cli.main(["train", "default"]) == 2
        assert capsys.readouterr().err.startswith("blurax: Memory ran out, of which 16.0 GiB are")
    with pytest.raises(jax.errors.JaxRuntimeError), memory.exhaustion_told():
        raise jax.errors.JaxRuntimeError("INTERNAL: no")
