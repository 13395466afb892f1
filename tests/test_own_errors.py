"""Mistakes in code of the user's own: each is one sentence that says what and where."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import pytest

import blurax
import blurax.cli.commands as cli
from blurax.batch import Batch
from blurax.cli.meta_train import default_in
from blurax.errors import BluraxError
from blurax.outer.recipes import get_recipe
from blurax.outer.start import Start
from blurax.tasks import Episode, Task, signed_one_hot

RULES = """
import equinox as eqx
import jax
import jax.numpy as jnp

import blurax


class Line(blurax.Learner):
    network: blurax.Network = eqx.field(static=True)
    rate: jax.Array = eqx.field(converter=jnp.asarray, default=0.1)

    def init(self, key, batch):
        return [jnp.zeros((self.network.sizes[0], self.network.sizes[-1]))]

    def step(self, state, batch, *, rate, key, index):
        return [state[0] + self.rate * batch[0].T @ batch[1]], None

    def predict(self, state, x):
        return x @ state[0]


class Lookup(Line):
    def step(self, state, batch, *, rate, key, index):
        return {}["w"]  # here


class Grows(Line):
    def step(self, state, batch, *, rate, key, index):
        return [*state, *state], None


class Narrow(Line):
    def predict(self, state, x):
        return (x @ state[0])[:, 0]


class Shallow(Line):
    def __check_init__(self):
        if len(self.network.sizes) > 3:
            raise ValueError("one hidden layer at most")


class Fixed(Line):
    rate: float = 0.1


class Alone(Line):
    def step(self, state, batch, *, rate, key, index):  # alone
        return [state[0] + self.rate * batch[0].T @ batch[1]]


class Twice(Line):
    def init(self, key, batch):
        return jnp.zeros((4, 3)), jnp.zeros(3)

    def predict(self, state, x):
        return x @ state[0]

    def step(self, state, batch, *, rate, key, index):  # twice
        return state


class Nothing(Line):
    def step(self, state, batch, *, rate, key, index):  # nothing
        self.rate + 1


class Bare(Line):
    def step(self, state, batch):  # bare
        return state, None


class Unkeyed(Line):
    def init(self, key):  # unkeyed
        return [jnp.zeros((4, 3))]


class Stateless(Line):
    def predict(self, x):  # stateless
        return x


class Fewer(Line):
    def predict_few(self, state, x):  # fewer
        return x


class Free(Line):
    def step(self, state, batch, **rest):
        return state, {}

    def init(self, *given):
        return [jnp.zeros((4, 3))]


class Refusing(Line):
    def step(self, state, batch, *, rate, key, index):
        raise blurax.BluraxError("It takes another day.")  # refusing


class Half(blurax.Learner):
    network: blurax.Network

    def init(self, key, batch):
        return 0.0
"""


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs meta-train with a learner; returns what stands on stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(RULES, encoding="utf-8")

    def run(learner, *words, code=2):
        size = ("--episode.steps", "2", "--episode.query", "16", "--meta-steps", "1")
        size += ("--validate-every", "1", "--population", "1", "--directory", "run")
        rest = ("--tasks", "iris", "--hidden", *(words or ("3",)), *size)
        assert cli.main(["meta-train", "--learner", learner, *rest]) == code
        error = capsys.readouterr().err
        assert error.count("\n") == (code != 0)
        return error

    return run


def line_of(text):
    return next(n for n, line in enumerate(RULES.splitlines(), 1) if text in line)


def at(text):
    return f"mine.py, line {line_of(text)}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (", "SyntaxError: '(' was never closed (bad.py, line 1)."),
        ("\nimport nowhere_to_be_found", "(bad.py, line 2)."),
        ("def f():\n    raise KeyError('a')\nf()", "KeyError: 'a' (bad.py, line 2)."),
    ],
)
def test_a_file_that_cannot_be_run_is_told_with_its_line(command, tmp_path, text, message):
    (tmp_path / "bad.py").write_text(text, encoding="utf-8")
    error = command("bad.py:Line")
    assert error.startswith("blurax: bad.py cannot be run: ")
    assert message in error


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Lookup", f"Lookup cannot learn with the network (4, 3, 3): KeyError: 'w' (mine.py, line "
            f"{line_of('# here')})."),
        ("Grows", "Grows.step gives a state of shapes [(4, 3), (4, 3)] with the network (4, 3, 3)"),
        ("Narrow", "Narrow.predict gives shape (2,) for 2 inputs to the network (4, 3, 3); it"),
        ("Fixed", "there is nothing to learn; a number becomes one by jnp.asarray"),
        ("Alone", "Alone.step returned a list of an array of shape (4, 3); it is to return a pair "
            f"(state, info), the new state and anything, such as None ({at('# alone')})."),
        ("Twice", "Twice.step returned a tuple of an array of shape (4, 3), an array of shape (3,)"
            "; it is to return a pair (state, info), the new state and anything, such as None "
            f"({at('# twice')})."),
        ("Nothing", "Nothing.step returned None; it is to return a pair (state, info), the new "
            f"state and anything, such as None ({at('# nothing')})."),
        ("Bare", "Bare.step takes (self, state, batch), which does not fit its call (got an "
            "unexpected keyword argument 'rate'); write def step(self, state, batch, *, rate, key, "
            f"index) ({at('# bare')})."),
        ("Unkeyed", "Unkeyed.init takes (self, key), which does not fit its call (too many "
            f"positional arguments); write def init(self, key, batch) ({at('# unkeyed')})."),
        ("Stateless", "Stateless.predict takes (self, x), which does not fit its call (too many "
            f"positional arguments); write def predict(self, state, x) ({at('# stateless')})."),
        ("Fewer", "Fewer.predict_few takes (self, state, x), which does not fit its call (too many "
            "positional arguments); write def predict_few(self, state, x, batch) "
            f"({at('# fewer')})."),
        ("Refusing", "Refusing cannot learn with the network (4, 3, 3): It takes another day "
            f"(mine.py, line {line_of('# refusing')})."),
        ("Half", "Half in mine.py lacks predict, step; a learner defines init, step and predict."),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_learn_is_told(command, tmp_path, name, message):
    assert message in command(f"mine.py:{name}")
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("unchecked")
def test_functions_may_take_anything(command):
    command("mine.py:Free", code=0)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("words", [("compare",), ("bench", "--suite", "bench-1:quick")])
def test_every_command_tells_a_step_that_returns_no_pair(command, words, capsys):
    learner = ["mine.py:Alone", "--directory", "out"]
    rest = ["--tasks", "iris", "--hidden", "3"] if words == ("compare",) else ["--parts", "tables"]
    assert cli.main([words[0], *learner, *words[1:], *rest, "--baselines", "adam"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("blurax: Alone.step returned a list of an array of shape (")
    assert f"({at('# alone')})." in error


@pytest.mark.usefixtures("unchecked")
def test_what_the_library_says_of_its_own_learners_stands_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["vsml", "--tasks", "digits", "--hidden", "c8k3s2-16", "--directory", "out"]
    assert cli.main(["compare", *words, "--baselines", "adam"]) == 2
    assert capsys.readouterr().err == (
        "blurax: The network (8x8x1 > 4x4x8 > 16 > 10; 3 edges) is no fully connected chain; Vsml "
        "takes one such as Network((64, 32, 10)).\n"
    )


@pytest.mark.usefixtures("unchecked")
def test_a_network_that_a_rule_refuses_is_told(command):
    reason = "ValueError: one hidden layer at most (mine.py, line "
    assert reason in command("mine.py:Shallow", "3-3")  # as the class is called
    assert reason in command("mine.py:Shallow", "3", "3-3")  # as its network is replaced


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--rule.states", "3"), "MetaTrain.rule.states is about genomes (--rule.*), but the run"),
        (("--rule.update.batch", "mean"), "MetaTrain.rule.update is about genomes (--rule.*)"),
        (("--start", "backprop"), "MetaTrain.start is backprop, which is about genomes, but Line"),
        (
            ("--recipe", "fig7-gradient", "--rule.states", "3"),
            "MetaTrain.rule.states is about genomes",
        ),
    ],
)
def test_options_about_genomes_are_refused_beside_a_learner(command, tmp_path, words, message):
    assert message in command("mine.py:Line", "3", *words)
    assert not (tmp_path / "run").exists()


def test_a_recipe_lends_a_learner_all_but_its_rule_and_start():
    config = default_in(["--recipe", "steady", "--learner", "mine.py:Line"])
    usual = get_recipe("steady").config
    assert usual.rule != blurax.Rule()
    assert (config.rule, config.start) == (blurax.Rule(), Start.RANDOM)
    assert (config.tasks, config.method) == (usual.tasks, usual.method)


@pytest.mark.usefixtures("unchecked")
def test_a_run_without_its_learner_says_how_to_give_it(command, tmp_path, capsys):
    command("mine.py:Line", code=0)
    assert cli.main(["meta-train", "--resume", str(tmp_path / "run")]) == 2
    assert "--learner FILE.py:Line, or in Python learner=." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--meta-step", "3"], "did you mean --meta-steps? Its options stand in blurax meta-train"),
        (["--method.pairs", "3"], "no option --method.pairs; its method has no options."),
        (["--method", "pes", "--method.pears", "3"], "There are --method.pairs, --method.sigma"),
    ],
)
def test_an_option_among_many_is_told_in_a_short_sentence(words, message, capsys):
    assert cli.main(["meta-train", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error) < 300


def test_a_batch_is_taken_apart_by_place():
    batch = Batch(jnp.zeros(2), jnp.ones(2))
    assert batch[0] is batch.x
    assert batch[-1] is batch.y
    with pytest.raises(BluraxError, match="The batch has a mask"):
        _ = Batch(jnp.zeros(2), jnp.ones(2), jnp.ones(2, bool))[0]


class Older(eqx.Module):
    """A task as it was written before tasks were classes to inherit from."""

    name: str = "older"
    features: int = 2
    outputs: int = 2
    kind: str = "classes"

    def sample(self, key, spec, split, first=0):
        x = jax.random.normal(key, (spec.steps, spec.batch, 2))
        y = signed_one_hot((x[..., 1] > 0).astype(int), 2)
        return Episode(x, y, x[0], y[0])


class Masked(Task):
    """Its mask has a wrong shape."""

    name: str = "masked"
    input_shape: tuple[int, ...] = (2,)
    target: blurax.Target = blurax.Classes(2)

    def sample(self, key, spec, split, first=0):
        found = Older().sample(key, spec, split, first)
        return eqx.tree_at(lambda e: e.mask, found, jnp.ones(3, bool), is_leaf=lambda e: e is None)


NETWORK = blurax.Network((2, 3, 2))
GENOME = blurax.backprop(blurax.Rule.backprop(), learning_rate=0.1)
LEARNER = blurax.Blur(GENOME, NETWORK)
SIZE = {"tasks": ("xor",), "hidden": ("3",), "budgets": (1,), "seeds": 2}


def curve(learner, task):
    keys = jax.random.split(jax.random.key(0), 1)
    return blurax.learning_curve(learner, task, keys, (1,), blurax.Split.TEST)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: curve(LEARNER, Older()), "task is of type Older; .* a subclass of blurax.Task"),
        (lambda: blurax.learn(GENOME, NETWORK, Older()), "a subclass of blurax.Task with name"),
        (lambda: blurax.add_task(Older()), "a subclass of blurax.Task with name, input_shape"),
        (lambda: blurax.improve(LEARNER, Older()), "a subclass of blurax.Task with name"),
        (lambda: curve(GENOME, blurax.task("xor")), "learner is of type Genome; it takes a Lear"),
        (lambda: curve(blurax.Blur, blurax.task("xor")), "learner is the class Blur; it takes a"),
        (lambda: blurax.learn(GENOME, NETWORK, Masked()), r"mask has shape \(3,\), not \(100, 128"),
        (
            lambda: blurax.learn(GENOME, NETWORK, blurax.task("xor"), start="there"),
            "start is of type str; it takes what blurax.learn returned",
        ),
        (lambda: blurax.compare({"mine": blurax.Blur}, **SIZE), "mine is the class Blur; it takes"),
        (
            lambda: blurax.add_baseline("own", optax.sgd, scale=1, space={"momentum": 0.9}),
            "it takes one or more choices for each setting",
        ),
    ],
)
def test_what_is_of_another_kind_is_told(call, message):
    with pytest.raises(BluraxError, match=message):
        call()


def test_a_comparison_takes_one_task_by_its_name_alone():
    found = blurax.compare({"mine": GENOME}, **{**SIZE, "tasks": "xor"}, baselines=())
    assert found.result.plan.tasks == ("xor",)
