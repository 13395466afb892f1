"""Comparisons on the folds of tables: folds, stopping, choices, ranks, tests, files."""

import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy import stats

from blurax.analysis.tables_view import draw_ranking, ranking_table
from blurax.baselines import BASELINES, Arrangement, baseline, named
from blurax.baselines.reached import Reached, any_of, holm, ranking
from blurax.baselines.search import rate_of
from blurax.cli.commands import main
from blurax.curves import learning_curve
from blurax.errors import BluraxError
from blurax.experiments import tables
from blurax.experiments.compare_entrants import found_file, read_entrant
from blurax.experiments.compare_plan import GenomeFile
from blurax.experiments.tables_folds import (
    TEST,
    best_epochs,
    course,
    folds_of,
    measured,
    protocol_network,
    tuned,
)
from blurax.experiments.tables_plan import Plan, baselines_named
from blurax.experiments.tables_references import REFERENCES, referenced
from blurax.experiments.tables_temperature import TEMPERATURES, Tempered, coolest, tempered
from blurax.learner import Batch, Learner
from blurax.network import Network
from blurax.targets import Classes, Regression
from blurax.tasks import EpisodeSpec, Split

PLAN = Plan(("iris",), (), ("sgd",), ("linear",), folds=3, epochs=12, patience=3, batch=32, seeds=1)


class Still(Learner):
    """Predicts 0 and never learns."""

    network: Network

    def init(self, key, batch):
        return jax.numpy.zeros(())

    def step(self, state, batch: Batch, *, rate, key, index):
        return state, None

    def predict(self, state, x):
        return jax.numpy.zeros((len(x), 1))


class Counter(Learner):
    """Predicts class 0 ever more surely: what it knows is the number of its steps."""

    network: Network

    def init(self, key, batch):
        return jax.numpy.zeros(())

    def step(self, state, batch: Batch, *, rate, key, index):
        return state + 1, None

    def predict(self, state, x):
        return jax.numpy.zeros((len(x), 3)).at[:, 0].set(state)


def test_every_fold_comes_once_with_its_own_rows() -> None:
    """Keys go through the folds; support, validation and test are that fold's alone."""
    task = folds_of("iris", 3)
    keys = task.keys(jax.random.key(3), seeds=2)
    drawn = [jax.random.fold_in(key, 1) for key in keys]  # as learning_curve draws episodes
    assert [int(task.fold(key)) for key in drawn] == [0, 0, 1, 1, 2, 2]
    assert len({key.tobytes() for key in np.asarray(jax.random.key_data(keys))}) == 6
    spec = EpisodeSpec(steps=5, batch=20)
    sample = jax.jit(lambda key: task.sample(key, spec, Split.TEST))
    for fold in range(3):
        episode = sample(drawn[2 * fold])
        own = task.one(fold)
        first, second = own.bounds

        def rows(x) -> set[bytes]:
            return {row.tobytes() for row in np.asarray(x, np.float32).reshape(-1, 4)}

        assert rows(episode.x) == rows(own.x[:first])
        assert rows(episode.query_x) == rows(own.x[first:second])
        assert rows(episode.others[TEST].x) == rows(own.x[second:])


def naive_best(row: np.ndarray, patience: int) -> int:
    """An epoch loop that stops as it goes."""
    best, since = 0, 0
    for epoch in range(1, len(row)):
        since += 1
        if row[epoch] < row[best]:
            best, since = epoch, 0
        if since == patience:
            break
    return best


def test_patience_is_that_of_a_loop_that_stops() -> None:
    """Against the loop; losses that are no numbers never count as the best."""
    random = np.random.default_rng(0)
    losses = random.normal(size=(50, 40))
    best, _ = best_epochs(losses, 5)
    assert best.tolist() == [naive_best(row, 5) for row in losses]
    rising = np.tile(np.arange(10.0), (2, 1))
    assert best_epochs(rising[:, :5], 5)[1] is False
    assert best_epochs(rising[:, :6], 5)[1] is True
    falling = -rising
    assert best_epochs(falling, 3)[1] is False
    assert best_epochs(np.array([[np.nan, 2.0, np.inf, 1.0]]), 9)[0].tolist() == [3]
    assert best_epochs(np.array([[1.0, 2.0, 2.0, 2.0, 0.0]]), 3)[0].tolist() == [0]


def test_a_course_ends_with_the_lowest_validation_loss() -> None:
    """What a rule that gets ever surer of a class reaches is known in closed form."""
    task = folds_of("iris", 3)
    keys = task.keys(jax.random.key(0), 1)
    found = course(Counter(protocol_network(task)), task, keys, PLAN)
    # log(e^s + 2) - s / 3 grows with s > 0: the first of the epochs is the best
    steps = -(-50 // 32)
    assert found.epoch.tolist() == [1, 1, 1]
    assert found.score == pytest.approx([1 / 3] * 3, abs=0.03)
    shares = [np.mean(np.asarray(task.one(f).labels[100:]) == 0) for f in range(3)]
    naive = [np.log(np.exp(steps) + 2) - share * steps for share in shares]
    assert found.loss == pytest.approx(naive, abs=1e-5)


def test_outputs_are_divided_by_the_temperature_that_validates_best() -> None:
    """What is ever surer of a class, and right a third of the time, is to be unsure of it."""
    task = folds_of("iris", 3)
    plan, network = dataclasses.replace(PLAN, temperature=True), protocol_network(task)
    found = course(Counter(network), task, task.keys(jax.random.key(0), 1), plan)
    assert found.epoch.tolist() == [1, 1, 1]  # as without
    s = 2 / np.asarray(TEMPERATURES)  # of two steps
    for n, f in enumerate(range(3)):
        labels = np.asarray(task.one(f).labels)
        valid, test = (np.mean(part == 0) for part in (labels[50:100], labels[100:]))
        t = int(np.argmin(np.log(np.exp(s) + 2) - valid * s))
        assert found.temperature[n] == TEMPERATURES[t] > 1
        naive = [np.log(np.exp(s[t]) + 2) - share * s[t] for share in (valid, test)]
        assert (found.validation[n], found.loss[n]) == pytest.approx(naive, abs=1e-5)
    alone = course(Counter(network), task, task.keys(jax.random.key(0), 1), PLAN)
    assert alone.temperature.tolist() == [1, 1, 1]
    assert (found.score == alone.score).all()


def test_nobody_is_made_surer_and_numbers_have_no_temperature(tmp_path: Path) -> None:
    """What is always right stays as it is, and so does a loss that is no number."""
    right = Tempered(Classes(3))(*map(jax.numpy.asarray, (np.eye(3), 2 * np.eye(3) - 1)), None)
    assert (np.diff(right) > 0).all()
    losses = np.array([right, [np.nan] * len(TEMPERATURES)])
    assert coolest(losses).tolist() == [0, 0]
    assert tempered(Classes(1)) == Tempered(Classes(1))
    assert tempered(Regression(1)) is None
    plan, path = dataclasses.replace(PLAN, temperature=True, epochs=2), tmp_path / "numbers.csv"
    path.write_text("x,y\n" + "".join(f"{n},{n * n}\n" for n in range(30)), encoding="utf-8")
    task, key = folds_of(f"csv:path={path},label=y,kind=regression", 3), jax.random.key(0)
    found = [measured("counter", Still(protocol_network(task)), task, key, p) for p in (PLAN, plan)]
    assert found[0] == found[1]
    assert found[0].temperature == (1, 1, 1)


def test_the_best_of_several_in_each_fold() -> None:
    """By validation; what was chosen is said, and what it reached on test rows stands."""
    first = Reached(
        "a", "t", "accuracy", (1.0, 2.0), (0.1, 0.2), (5, 6), (), (3.0, 1.0), (1.0, 1.0)
    )
    other = Reached(
        "b", "t", "accuracy", (3.0, 4.0), (0.3, 0.4), (7, 8), (), (2.0, 2.0), (4.0, 8.0)
    )
    found = any_of("any", [first, other])
    assert (found.method, found.chosen) == ("any", ("b", "a"))
    assert (found.loss, found.score, found.epochs) == ((3.0, 2.0), (0.3, 0.2), (7, 6))
    assert (found.validation, found.temperature) == ((2.0, 1.0), (4.0, 1.0))
    unknown = dataclasses.replace(first, validation=(float("nan"), 1.0))
    assert any_of("any", [unknown, other]).chosen == ("b", "a")
    older = dataclasses.replace(other, validation=(), temperature=())
    with pytest.raises(BluraxError, match="b on t was measured without validation losses, which"):
        any_of("any", [first, older])


def test_a_genome_is_not_called_as_the_choice_among_them() -> None:
    """Whether there are baselines to choose of or not."""
    for name in ("any-genome", "any-baseline"):
        genomes = tuple(GenomeFile(each, "0" * 64) for each in (name, "other"))
        with pytest.raises(BluraxError, match=f"genomes has {name}, which is what Plan.choose"):
            dataclasses.replace(PLAN, genomes=genomes, choose=True)


def test_epochs_are_told_while_a_network_learns() -> None:
    """Of a genome and within each trial of a baseline."""
    task, key = folds_of("iris", 3), jax.random.key(0)
    told: list[str] = []
    plan = dataclasses.replace(PLAN, epochs=12, patience=50)
    measured("counter", Counter(protocol_network(task)), task, key, plan, told.append)
    assert told == ["10 epochs", "12 epochs"]


def test_what_is_tuned_is_the_course_of_what_was_chosen() -> None:
    """The setting named, run again by the one loop that measures, gives the same numbers."""
    task, key = folds_of("iris", 3), jax.random.key(5)
    said: list[str] = []
    found = tuned("sgd", task, key, PLAN, said.append)
    assert len(said) == len(set(said)) >= 4
    assert all(f"relu, rate {chosen.split()[-1]}" in said for chosen in found.chosen)
    learner = baseline("sgd").make(Arrangement(), protocol_network(task), task)
    keys = task.keys(key, 1)
    place = next(p for p in range(-24, 13) if f"{rate_of(p):.2g}" == found.chosen[0].split()[-1])
    steps = -(-50 // 32)
    stops = tuple(steps * epoch for epoch in range(1, 13))
    _, curve = learning_curve(
        learner, task, keys, stops, Split.VALIDATE, rate=rate_of(place), batch=32
    )
    best = naive_best(np.asarray(curve.loss[0]), 3)
    assert found.epochs[0] == best + 1
    assert found.loss[0] == pytest.approx(float(curve.others[TEST].loss[0, best]), rel=1e-4)


def test_references_learn_from_what_teaches_and_validates() -> None:
    """Naively, with scikit-learn alone; a class that is missing costs, but not without end."""
    from sklearn.linear_model import LogisticRegression

    task = folds_of("iris", 3)
    found = referenced("linear", task, 1)
    for fold in range(3):
        own = task.one(fold)
        x, y = np.asarray(own.x, np.float64), np.asarray(own.labels)
        model = LogisticRegression(max_iter=5000).fit(x[:100], y[:100])
        p = model.predict_proba(x[100:])[np.arange(50), y[100:]]
        assert found.loss[fold] == pytest.approx(-np.log(p).mean(), abs=1e-5)
        assert found.score[fold] == pytest.approx(model.score(x[100:], y[100:]))


class Two:
    """A model that has met classes 0 and 2 alone."""

    def fit(self, x, y):
        self.classes_ = np.array([0, 2])

    def predict_proba(self, x):
        return np.tile([0.25, 0.75], (len(x), 1))


def test_a_class_that_was_never_met_has_a_small_probability() -> None:
    """Not 0, of which the loss would be infinite."""
    found = referenced("two", folds_of("iris", 3), 1, {"two": lambda classifies, seed: Two()})
    naive = -(np.log(0.25) + np.log(1e-7) + np.log(0.75)) / 3
    assert found.loss == pytest.approx([naive] * 3, rel=0.05)


def reached(method: str, losses: list[float]) -> list[Reached]:
    return [Reached(method, f"t{n}", "accuracy", (v,), (0.5,)) for n, v in enumerate(losses)]


def test_ranks_and_tests_are_scipys() -> None:
    """Equal losses share a rank; p is of the ratios; NaN ranks last."""
    random = np.random.default_rng(1)
    losses = {name: list(np.exp(random.normal(size=9))) for name in ("a", "b", "c")}
    losses["d"] = [v * 1.01 for v in losses["a"]]
    found = ranking([each for name, v in losses.items() for each in reached(name, v)], "a")
    naive = stats.rankdata([losses[name] for name in found.methods], axis=0)
    np.testing.assert_array_equal(found.ranks, naive)
    assert list(found.mean) == sorted(found.mean)
    own = np.log(losses["a"])
    p = {n: stats.wilcoxon(np.log(losses[n]) - own).pvalue for n in ("b", "c", "d")}
    assert np.isnan(found.p[found.methods.index("a")])
    mine = {n: found.p[found.methods.index(n)] for n in p}
    assert mine["d"] == pytest.approx(3 * 2 / 2**9)
    smaller = sorted(p.values())
    assert mine[max(p, key=lambda n: p[n])] == pytest.approx(
        max(smaller[2], 2 * smaller[1], 3 * smaller[0])
    )
    two = [*reached("a", [1.0, float("nan")]), *reached("b", [1.0, 5.0])]
    found = ranking(two, "a")
    assert found.ranks.tolist() == [[1.5, 1.0], [1.5, 2.0]]
    assert found.methods == ("b", "a")
    assert np.isnan(found.p).all()  # of two tasks nothing can be told


def test_holm_by_hand() -> None:
    """Times the number of tests that are left, and never falling."""
    assert holm(np.array([0.01, 0.04, np.nan, 0.03])) == pytest.approx(
        [0.03, 0.06, np.nan, 0.06], nan_ok=True
    )
    assert holm(np.array([0.6, 0.7])).tolist() == [1.0, 1.0]


def test_ranks_take_every_number() -> None:
    """A method that lacks a task is named."""
    with pytest.raises(BluraxError, match="There are no numbers of b on t1"):
        ranking([*reached("a", [1.0, 2.0]), *reached("b", [1.0])], "a")
    with pytest.raises(BluraxError, match="against is 'c'; it takes one of a"):
        ranking(reached("a", [1.0]), "c")


def test_an_interrupted_comparison_ends_with_the_same_file(tmp_path: Path) -> None:
    """A cell that is lost is measured again to the same bits, and drawn."""
    entrant = read_entrant("backprop", found_file("backprop"), {})
    plan = dataclasses.replace(PLAN, genomes=(entrant.stamp,), epochs=4)
    tables.start(plan, [entrant], tmp_path)
    result = tables.advance(tmp_path)
    assert [each.method for each in result.reached] == ["backprop", "sgd", "linear"]
    whole = (tmp_path / tables.RESULT).read_bytes()
    (tmp_path / "cells" / "0-backprop.json").unlink()
    (tmp_path / tables.RESULT).unlink()
    tables.start(plan, [entrant], tmp_path)
    assert tables.advance(tmp_path) == result == tables.read(tmp_path)
    assert (tmp_path / tables.RESULT).read_bytes() == whole
    other = dataclasses.replace(plan, seed=1)
    with pytest.raises(BluraxError, match="holds a comparison with other settings"):
        tables.start(other, [entrant], tmp_path)
    cell = tmp_path / "cells" / "0-sgd.json"
    cell.write_text(cell.read_text(encoding="utf-8").replace('"iris"', '"wine"'), encoding="utf-8")
    with pytest.raises(BluraxError, match="is damaged; remove it, and it is measured again"):
        tables.advance(tmp_path)
    found = result.ranking()
    assert ranking_table(found, result.reached).row_count == 3
    assert draw_ranking(found, result.reached, tmp_path / "ranks.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"choose": True}, "neither two genomes nor two baselines to choose of"),
        (
            {"choose": True, "baselines": ("sgd", "adam"), "references": ("any-baseline",)},
            "methods has any-baseline twice",
        ),
        ({"baselines": ("nothing",)}, "There is no baseline 'nothing'"),
        ({"folds": 2}, "folds is 2; it takes a whole number >= 3"),
        ({"patience": 0}, "patience is 0"),
        ({"tables": ()}, "tables is empty"),
        ({"baselines": (), "references": ()}, "names no method"),
        ({"references": ("linear", "linear")}, "methods has linear twice"),
        *(
            ({"baselines": (f"{name}+batch-norm",)}, f"{name} takes no batch normalisation")
            for name, each in BASELINES.items()
            if not each.can_normalise
        ),
    ],
)
def test_plans_that_cannot_be(change: dict, says: str) -> None:
    """Are refused by the field."""
    with pytest.raises(BluraxError, match=says):
        dataclasses.replace(PLAN, **change)


def test_tasks_without_folds_and_unknown_models(tmp_path: Path) -> None:
    """Say what is taken."""
    with pytest.raises(BluraxError, match="has no option fold"):
        folds_of("xor", 5)
    plan = dataclasses.replace(PLAN, baselines=(), references=("svm",))
    says, begun = "There is no reference svm; there are linear, forest", tmp_path / "begun"
    with pytest.raises(BluraxError, match=says):
        tables.start(plan, [], tmp_path)
    tables.start(plan, [], begun, {"svm": REFERENCES["linear"]})
    with pytest.raises(BluraxError, match=says):
        tables.advance(begun)
    assert [path.name for path in tmp_path.iterdir()] == ["begun"]  # nothing was written
    assert set(REFERENCES) == {"linear", "forest", "boosting", "mlp"}
    with pytest.raises(BluraxError, match="holds no comparison on tables"):
        tables.read_plan(tmp_path / "nowhere")


def test_the_command_with_choices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two more rows, whose numbers are those of what validated best in each fold."""
    words = ["tables", "--tables", "iris", "--baselines", "sgd", "adam", "--references", "linear"]
    where = ["--folds", "3", "--epochs", "2", "--directory", str(tmp_path)]
    assert main([*words, *where, "--choose", "--temperature"]) == 0
    assert "any-baseline" in capsys.readouterr().out
    result = tables.read(tmp_path)
    assert (result.plan.choose, result.plan.temperature) == (True, True)
    own = {each.method: each for each in result.reached}
    assert list(own) == ["sgd", "adam", "linear", "any-baseline"]
    for n, name in enumerate(own["any-baseline"].chosen):
        best = min("sgd", "adam", key=lambda method: own[method].validation[n])
        assert name == best
        assert own["any-baseline"].loss[n] == own[best].loss[n]
    assert own["linear"].validation == ()
    assert len(own["sgd"].temperature) == 3


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the words to the files; resumed it needs none."""
    where = str(tmp_path / "out")
    words = ["tables", "--tables", "iris", "wine", "--baselines", "--references", "linear"]
    assert main([*words, "--folds", "3", "--directory", where]) == 0
    said = capsys.readouterr().out
    assert "linear" in said
    assert "tables.png" in said
    held = json.loads((tmp_path / "out" / "tables.json").read_text(encoding="utf-8"))
    assert [each["task"] for each in held["reached"]] == ["iris", "wine"]
    assert main(["tables", "--resume", where]) == 0
    assert main(["tables", "--resume", where, "--folds", "4"]) == 2
    assert "goes with no other option" in capsys.readouterr().err


@pytest.mark.parametrize("normalise", [False, True])
def test_the_name_says_whether_a_method_without_a_rate_is_normalised(normalise: bool) -> None:
    """Prodigy is run as its name says; nothing is chosen."""
    task, key = folds_of("iris", 3), jax.random.key(5)
    found = tuned(f"prodigy{'+batch-norm' * normalise}", task, key, PLAN, lambda text: None)
    how = Arrangement(normalise=normalise)
    learner = baseline("prodigy").make(how, protocol_network(task), task)
    alone = course(learner, task, task.keys(key, 1), PLAN)
    assert found.loss == pytest.approx(alone.loss.tolist(), rel=1e-6)
    assert found.chosen == ()


def test_strengths_are_chosen_where_there_is_no_rate() -> None:
    """Of the three courses that of the lowest validation loss, in each fold."""
    task, key = folds_of("iris", 3), jax.random.key(5)
    found = tuned("prodigy+l2", task, key, PLAN, lambda text: None)
    several = baseline("prodigy+l2")
    keys, network = task.keys(key, 1), protocol_network(task)
    options = [Arrangement(settings=(each,)) for each in several.settings[0]]
    each = [course(several.make(how, network, task), task, keys, PLAN) for how in options]
    best = np.argmin([one.validation for one in each], axis=0)
    assert found.loss == pytest.approx([each[b].loss[n] for n, b in enumerate(best)], rel=1e-6)
    assert found.chosen == tuple(str(options[b]) for b in best)


def test_groups_stand_for_their_baselines() -> None:
    """As in compare; each once, and no group is normalised as one."""
    found = baselines_named(["prodigy+batch-norm", "tuning-free", "adam+l2", "prodigy"])
    assert found == ("prodigy+batch-norm", *named(["tuning-free"]), "adam+l2")
    with pytest.raises(BluraxError, match="There is no baseline 'rivals'"):
        baselines_named(["rivals+batch-norm"])
    with pytest.raises(BluraxError, match="There is no baseline 'foo'"):
        baselines_named(["foo"])


def test_the_command_refuses_an_unknown_reference_beforehand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before a directory is made; our estimators are known."""
    words = ["tables", "--tables", "iris", "--baselines", "--folds", "3"]
    where = ["--directory", str(tmp_path / "out")]
    assert main([*words, *where, "--references", "blur", "foo"]) == 2
    assert "There is no reference foo; there are linear" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
