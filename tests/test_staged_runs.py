"""Tasks in sequence where they are used: meta-training, `train`, comparisons, estimators."""

import dataclasses
import json
import re
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.text import Text

import blurax.cli.commands as cli
from blurax import forgetting, io
from blurax import genome as genomes
from blurax.analysis import stages_view, style
from blurax.analysis.stages_view import draw_compared, draw_stages
from blurax.baselines import Record, Tuning, tuner
from blurax.comparison import compare
from blurax.curves import Schedule, learning_curve, spread_stops, stage_stops
from blurax.errors import BluraxError
from blurax.learner import Blur
from blurax.network import Network
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.objective import Objective, When, episode_loss
from blurax.spec import Activation, Rule
from blurax.stages import Stages
from blurax.tasks import EpisodeSpec, Split, get

TASK = "sequence:iris:by=permute,stages=2,steps=2"
CONFIG = MetaTrain(
    tasks=(TASK,),
    hidden=("3",),
    episode=EpisodeSpec(4, 8, 8),
    population=2,
    meta_steps=4,
    validate_every=2,
    validation_episodes=1,
    seed=5,
)
FIVE = (
    *("average accuracy", "accuracy when learned"),
    *("forgetting", "backward transfer", "forward transfer"),
)
LITTLE = Tuning((Activation.RELU,), (False,), (Schedule.CONSTANT,), seeds=2, long_seeds=2)


@pytest.fixture(scope="module")
def genome_file(tmp_path_factory):
    provenance = io.Provenance("0.1.0", "2026-01-31", 0, ("iris",), 0, None, {})
    path = tmp_path_factory.mktemp("genomes") / "exact.safetensors"
    io.save_genome(path, genomes.backprop(Rule.backprop(), 0.3), provenance)
    return path


def bytes_of(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_a_run_on_a_sequence_that_is_stopped_ends_with_the_same_bits(tmp_path):
    through, stopped = tmp_path / "through", tmp_path / "stopped"
    run.start(CONFIG, through)
    shutil.copytree(through, stopped)
    run.advance(through)

    def stop(progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.advance(stopped, stop)
    run.advance(stopped)
    assert bytes_of(stopped) == bytes_of(through)


def test_meta_training_minimises_the_mean_over_all_stages():
    task, network, key = get(TASK), Network((4, 3, 3)), jax.random.key(0)
    genome = genomes.backprop(Rule.backprop(), 0.3)
    spec = EpisodeSpec(4, 8, 8)
    found = episode_loss(Blur(genome, network), task, spec, Objective(when=When.LAST), key)
    first, drawn = jax.random.split(key)
    episode = jax.jit(lambda key: task.sample(key, spec, Split.TRAIN))(drawn)
    learner = Blur(genome, network, task.target)
    state = learner.init(first, 8)
    for n in range(4):
        batch = learner.takes(jax.tree.map(lambda leaf, n=n: leaf[n], episode.support))
        state, _ = learner.step(state, batch, rate=jnp.zeros(()), key=key, index=jnp.asarray(n))
    parts = [
        task.target.loss(learner.predict(state, episode.query_x[p]), episode.query_y[p])
        for p in (slice(0, 8), slice(8, 16))
    ]
    np.testing.assert_allclose(found, np.mean(parts), rtol=1e-10)


def test_episodes_of_meta_training_are_all_the_stages():
    short = dataclasses.replace(CONFIG, episode=EpisodeSpec(3, 8, 8))
    with pytest.raises(BluraxError, match="have 3 steps; they take 4"):
        short.problem()


def test_train_writes_every_stage(genome_file, tmp_path, capsys):
    words = ["train", str(genome_file), "--task", TASK, "--hidden", "3", "--batch", "8"]
    assert cli.main([*words, "--seeds", "2", "--directory", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "average accuracy" in said
    assert "forgetting" in said
    (path,) = tmp_path.glob("*.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["stage_ends"] == [2, 4]
    assert found["steps"] == [1, 2, 3, 4]
    np.testing.assert_allclose(np.mean(found["stages"], axis=-1), found["accuracy"])
    assert next(tmp_path.glob("*.png")).stat().st_size > 10_000
    assert cli.main([*words, "--steps", "3"]) == 2
    assert "leave it out, or take 4" in capsys.readouterr().err


def test_a_comparison_keeps_and_draws_what_each_stage_left(genome_file, tmp_path, monkeypatch):
    way = {"hidden": "3", "seeds": 2, "batch": 8, "tuning": LITTLE, "tasks": TASK}
    found = compare(genome_file, baselines=("sgd",), budgets=(4,), directory=tmp_path / "it", **way)
    stored = json.loads((tmp_path / "it" / "comparison.json").read_text(encoding="utf-8"))
    for record in stored["panels"][0]["records"]:
        matrix = np.asarray(record["stages"])
        assert matrix.shape == (2, 2, 2)
        np.testing.assert_allclose(forgetting.average_accuracy(matrix), record["accuracy"][0])
        key = (TASK, "3", record["learner"])
        np.testing.assert_array_equal(found.stages[key], matrix)
    heads = next(line for line in str(found).splitlines() if line.startswith("all stages"))
    (row,) = (line for line in str(found).splitlines() if re.match(r"exact( +-?\d+\.\d){5}$", line))
    for name, value in zip(FIVE, map(float, row.split()[1:]), strict=True):
        assert name in heads
        said = forgetting.measures(found.stages[TASK, "3", "exact"], 1 / 3)[name]
        assert value == pytest.approx(100 * said.mean(), abs=0.06)
    older = stages_view.stages_table(found.result.panels[0].records, None)  # no chance is known
    assert [column.header for column in older.columns] == ["all stages", *FIVE[:4]]
    drawn = []

    def view(panels, path, title):
        drawn.extend(panels)
        return path

    monkeypatch.setattr(stages_view, "draw_compared", view)
    found.draw(tmp_path / "it.png")
    assert drawn == [(f"{TASK} (3)", found.result.panels[0].records)]
    with pytest.raises(BluraxError, match="has 2 stages of 2 steps, but the last number"):
        compare(genome_file, baselines=(), budgets=(2,), **way)


def test_a_sequence_is_tuned_whole_with_every_setting(monkeypatch):
    monkeypatch.setattr(tuner, "SHORT", 1)  # as if its four steps were very many
    said = []
    way = {"batch": 8, "tuning": LITTLE, "log": said.append}
    tuner.tune("ewc", Network((4, 3, 3)), get(TASK), jax.random.key(0), (4,), **way)
    assert all("at 4 steps" in line for line in said)
    for strength in ("10", "100", "1000", "1e+04"):
        assert any(f"strength={strength}," in line for line in said)


def test_a_picture_takes_the_ends_of_stages(tmp_path):
    scores = np.random.default_rng(0).uniform(size=(2, 4, 3))
    picture = draw_stages(scores, (1, 2, 4, 6), (2, 4, 6), tmp_path / "it.png", "title")
    assert picture.stat().st_size > 10_000
    with pytest.raises(BluraxError, match="the scores are those after"):
        draw_stages(scores, (1, 2, 4, 5), (2, 4, 6), tmp_path / "no.png", "title")


def test_a_picture_of_a_comparison_shows_the_stages(monkeypatch, tmp_path):
    """The mean of what came so far after each stage, and every stage at the end."""
    drawn = []
    monkeypatch.setattr(stages_view, "draw_curve", lambda *given: drawn.append(given))
    matrix = (((0.8, 0.1), (0.4, 0.6)), ((0.6, 0.3), (0.2, 1.0)))
    record = Record("mine", (4,), ((0.5, 0.6),), stages=matrix)
    picture = draw_compared([("it (3)", (record,))], tmp_path / "it.png", "title")
    assert picture.exists()
    (seen, stages, so_far, *_), (last, _, at_the_end, *_) = drawn
    assert seen is not last
    assert stages.tolist() == [1, 2]
    np.testing.assert_allclose(so_far, [[80, 50], [60, 60]])
    np.testing.assert_allclose(at_the_end, [[40, 60], [20, 100]])
    with pytest.raises(BluraxError, match="no learner was measured on stages"):
        draw_compared([("it (3)", (Record("a", (4,), ((0.5,),)),))], tmp_path / "no.png", "title")


def test_an_estimator_learns_in_stages():
    from blurax import BlurClassifier

    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 4))
    y = (x[:, 0] > 0).astype(int)
    model, scores = BlurClassifier(hidden=(8,), random_state=0), []
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        for _ in range(3):
            model.partial_fit(x[:, order], y, classes=[0, 1])
        scores.append([model.score(x[:, other], y) for other in ([0, 1, 2, 3], [3, 2, 1, 0])])
    assert np.shape(scores) == (2, 2)
    assert scores[0][0] > 0.8
    assert scores[1][1] > scores[0][1]  # the second stage was learned


SHORT = "sequence:iris:by=permute,stages=2,steps=8"
"""Of which batches of 8 fit into the data and batches of 128 do not."""


@pytest.mark.parametrize(
    "episode",
    [EpisodeSpec(16, 8, 24), EpisodeSpec(16, 40, 24, fixed_batch=True)],
    ids=["small batches", "one batch"],
)
def test_a_report_watches_the_genome_in_episodes_of_the_runs_own_sizes(tmp_path, capsys, episode):
    config = dataclasses.replace(
        CONFIG, tasks=(SHORT,), episode=episode, meta_steps=1, validate_every=1
    )
    run.start(config, tmp_path / "run")
    run.advance(tmp_path / "run")
    assert cli.main(["report", str(tmp_path / "run")]) == 0
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert f"16 steps of {episode.batch} examples, 3 seeds" in page


def test_a_genome_is_watched_over_all_stages(tmp_path, genome_file, capsys):
    words = ["show", str(genome_file), "--png", str(tmp_path / "seen.png"), "--task", SHORT]
    words += ["--hidden", "3", "--seeds", "2"]
    assert cli.main([*words, "--batch", "8"]) == 0
    assert "16 steps of 8 examples, 2 seeds" in capsys.readouterr().out
    assert cli.main([*words, "--batch", "8", "--steps", "16"]) == 0
    capsys.readouterr()
    assert cli.main([*words, "--batch", "8", "--steps", "7"]) == 2
    refused = f"--steps is 7, but task {SHORT} has 2 stages of 8 steps; leave it out, or take 16."
    assert refused in capsys.readouterr().err.replace("\n", " ")
    assert cli.main(words) == 2  # before anything is printed
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "takes 1,024 examples, but there are 90 to learn from" in printed.err


def test_the_sizes_of_an_episode_decide_what_is_measured():
    task, keys = get("iris"), jax.random.split(jax.random.key(0), 2)
    learner = Blur(genomes.backprop(Rule.backprop(), 0.3), Network((4, 3, 3)))
    plain = learning_curve(learner, task, keys, (3,), Split.VALIDATE, batch=8)[1]
    sized = learning_curve(learner, task, keys, (3,), Split.VALIDATE, sizes=EpisodeSpec(9, 8))[1]
    assert np.array_equal(plain.loss, sized.loss)
    few = EpisodeSpec(9, 8, held_out=5)
    asked = learning_curve(learner, task, keys, (3,), Split.VALIDATE, sizes=few)[1]
    fifths = 5 * np.asarray(asked.accuracy)
    assert np.allclose(fifths, fifths.round())  # of five examples
    assert not np.array_equal(plain.loss, asked.loss)


def test_a_stage_is_measured_at_its_end_and_right_after_it_has_begun():
    assert stage_stops(30, None) == spread_stops(30)
    many = stage_stops(300, Stages(3, 100))
    assert {100, 101, 200, 201, 300} <= {*many}
    assert 301 not in many
    assert {*many} - {101, 200, 201} <= {*spread_stops(300)}
    assert list(many) == sorted(many)


def test_the_words_above_the_curves_of_stages_are_whole(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(style, "save", lambda figure, path: figures.append(figure) or path)
    scores = np.random.default_rng(0).uniform(size=(2, 10, 10))
    ends = tuple(range(100, 1001, 100))
    draw_stages(scores, ends, ends, tmp_path / "it.png", "title")
    figure = figures[0]
    figure.canvas.draw()
    (words,) = (text for text in figure.findobj(Text) if text.get_text().startswith("grey"))
    box = words.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width
    assert "the mean of those begun" in words.get_text()
