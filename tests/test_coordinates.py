"""Pictures and waves as tasks, sines and normalisation as choices of baselines."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from blurax.baselines import Arrangement, baseline
from blurax.baselines.descent import forward
from blurax.baselines.tuner import Tuning
from blurax.baselines.weights import OMEGA, initial_weights, with_fixed
from blurax.errors import BluraxError
from blurax.experiments.figures import Budget, figure
from blurax.experiments.figures.coordinates import KERNEL, NORMS, PSNR, RANKS, WAVES
from blurax.findings import Chart, Findings, curve, table
from blurax.frozen import from_json, to_json
from blurax.network import Network
from blurax.spec import Activation, Over
from blurax.tasks import EpisodeSpec, Split, get
from blurax.tasks.coordinates import WavesOptions, encoded, grid
from closeness import assert_close
from naive import normalise_activations

rng = np.random.default_rng(7)
SPEC = EpisodeSpec(steps=2, batch=16, query=8, held_out=64)
BYTES = rng.integers(0, 256, (6, 6, 3)).astype(np.uint8)


@pytest.fixture
def path(tmp_path):
    Image.fromarray(BYTES).save(tmp_path / "mine.png")
    np.save(tmp_path / "mine.npy", BYTES)
    Image.fromarray(BYTES[..., 0]).save(tmp_path / "grey.png")
    np.save(tmp_path / "floats.npy", np.ones((8, 8)))
    np.save(tmp_path / "flat.npy", np.ones(8, np.uint8))
    Image.fromarray(np.ones((8, 8), np.uint16)).save(tmp_path / "deep.png")
    (tmp_path / "none.png").write_bytes(b"no picture")
    (tmp_path / "none.npy").write_bytes(b"no picture")
    return tmp_path


@pytest.mark.parametrize("name", ["mine.png", "mine.npy"])
def test_a_picture_is_its_pixels_by_their_places(path, name):
    task = get(f"picture:path={path / name},size=6,fit")
    assert (task.outputs, task.input_shape) == (3, (2,))
    colours = {
        tuple(np.round(row, 6)): label
        for row, label in zip(task.x.tolist(), task.labels, strict=True)
    }
    assert len(colours) == 36
    for row, column in np.ndindex(6, 6):
        place = tuple(np.round([(2 * column + 1) / 6 - 1, (2 * row + 1) / 6 - 1], 6))
        np.testing.assert_allclose(colours[place], BYTES[row, column] / 127.5 - 1, atol=1e-6)


def test_a_grey_picture_has_one_colour(path):
    assert get(f"picture:path={path / 'grey.png'},size=4").outputs == 1


def test_every_second_pixel_is_held_apart_unless_all_are_fitted():
    task, fitted = get("picture:china,size=8"), get("picture:china,size=8,fit")
    rows = np.round((np.asarray(task.x) + 1) * 4 - 0.5).astype(int).sum(axis=1)
    assert (rows[:32] % 2 == 0).all()
    assert (rows[32:] % 2 == 1).all()
    assert task.bounds == (32, 48)
    for split in Split:
        episode = fitted.sample(jax.random.key(0), EpisodeSpec(1, 64, 64, 64), split)
        for x in (episode.x[0], episode.query_x):
            assert len({row.tobytes() for row in np.asarray(x)}) == 64
        assert fitted.pool(SPEC, split) == 64


def test_an_encoding_is_sines_and_cosines_of_octaves():
    x = rng.uniform(-1, 1, (5, 2))
    found = encoded(x, 3)
    wanted = [x] + [f(2**l * np.pi * x) for l in range(3) for f in (np.sin, np.cos)]
    np.testing.assert_allclose(found, np.concatenate(wanted, axis=1))
    assert get("picture:china,size=8,encoding=3").input_shape == (14,)


def test_waves_are_sines_of_their_frequencies():
    options = WavesOptions(3, 2, 64, fit=True)
    assert options.waves.tolist() == [2, 4, 6]
    task = get("waves:frequencies=3,spacing=2,points=64,fit")
    seen = [
        task.sample(jax.random.key(seed), EpisodeSpec(1, 64, 64, 64), Split.TEST)
        for seed in range(2)
    ]
    assert not np.allclose(seen[0].query_y, seen[1].query_y)  # other phases
    for each in seen:
        order = np.argsort(each.query_x[:, 0])
        np.testing.assert_allclose(each.query_x[order, 0], grid(64), atol=1e-12)
        power = np.abs(np.fft.rfft(np.asarray(each.query_y)[order, 0])) * 2 / 64
        assert_close(power[[2, 4, 6]], np.full(3, 1 / 3), tolerance=1e-12)
        assert np.delete(power, [2, 4, 6]).max() < 1e-12


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("picture", "picture takes china or flower, or an option path"),
        ("picture:china,path=a.png", "one of them"),
        ("picture:china,size=3", "size is 3; it takes a whole number >= 4"),
        ("picture:china,size=999", "of which a square of up to 427"),
        ("picture:china,encoding=17", "encoding is 17; it takes a whole number from 0 to 16"),
        ("picture:path={}/missing.png", "cannot be read as a picture"),
        ("picture:path={}/none.png", "cannot be read as a picture"),
        ("picture:path={}/none.npy", "cannot be read as a picture"),
        ("picture:path={}/deep.png", "its pixels are of mode I"),
        ("picture:path={}/floats.npy", "dtype float64; a picture is"),
        ("picture:path={}/flat.npy", "shape (8,)"),
        ("waves:frequencies=0", "frequencies is 0"),
        ("waves:frequencies=40", "show up to 63 waves; its fastest sine has 80"),
        ("waves:points=15", "points is 15; it takes a whole number >= 16"),
    ],
)
def test_bad_input_is_a_sentence(path, text, sentence):
    with pytest.raises(BluraxError, match=re.escape(sentence)):
        get(text.format(path))


@pytest.mark.parametrize("over", Over)
def test_a_network_of_a_baseline_is_normalised_as_single_numbers_are(over):
    network = Network((3, 5, 4, 2))
    weights = initial_weights(jax.random.key(0), network, Activation.TANH, True, over)
    assert bool(weights.before) == (over is not Over.BATCH)
    before = [0.0 if b is None else np.asarray(b) for b in weights.before or (None,) * 3]
    x = rng.normal(size=(6, 3))
    found, measured = forward(network, weights, jnp.asarray(x), Activation.TANH, over=over)
    a, (one, none) = x, (np.ones(1), np.zeros(1))
    for w, b in zip(weights.w[:-1], before[:-1], strict=True):
        a = np.tanh(normalise_activations((a @ np.asarray(w) + b)[None], one, none, over)[0])
    assert_close(found[-1], a @ np.asarray(weights.w[-1]))
    again = forward(network, weights, jnp.asarray(x), Activation.TANH, measured, over=over)[0]
    assert_close(again[-1], found[-1])


def test_sines_are_those_of_siren():
    network = Network((2, 64, 64, 3))
    weights = initial_weights(jax.random.key(0), network, Activation.SINE)
    bounds = [1 / 2, (6 / 64) ** 0.5 / OMEGA, (6 / 64) ** 0.5 / OMEGA]
    for w, bound in zip(weights.w, bounds, strict=True):
        assert 0.9 * bound < float(jnp.abs(w).max()) <= bound
        assert abs(float(jnp.mean(w**2)) / (bound**2 / 3) - 1) < 0.25  # uniform
    for b, inputs in zip(weights.b, (2, 64, 64), strict=True):
        assert 0 < float(jnp.abs(b).max()) <= inputs**-0.5
    x = rng.uniform(-1, 1, (50, 2))
    found = forward(network, weights, jnp.asarray(x), Activation.SINE)[0]
    a = x
    for w, b in zip(weights.w[:-1], weights.b[:-1], strict=True):
        a = np.sin(OMEGA * (a @ np.asarray(w) + np.asarray(b)))
    assert_close(found[-1], a @ np.asarray(weights.w[-1]) + np.asarray(weights.b[-1]))
    assert 0.4 < float(jnp.std(found[2])) < 0.9  # about arcsine, in every layer


def test_the_tuner_tries_what_hidden_layers_are_normalised_over():
    found, network = baseline("adam"), Network((2, 4, 1))
    tuning = Tuning((Activation.RELU,), over=tuple(Over))
    each = tuning.arrangements(found, network)
    assert [str(a) for a in each] == ["relu", *(f"relu + {over.value} norm" for over in Over)]
    assert from_json(Tuning, to_json(tuning)) == tuning
    assert Arrangement(Activation.RELU, True) == each[1]
    with pytest.raises(BluraxError, match=r"Tuning.over is"):
        Tuning(over=())


def test_over_the_layer_masks_are_taken():
    task = get("waves")
    for over in Over:
        made = baseline("adam").make(
            Arrangement(normalise=True, over=over), Network((1, 4, 1)), task
        )
        assert made.takes_masks == (over is Over.LAYER)


def findings(psnr, left, ranks):
    """As the figure finds them: of relus alone, then of each normalisation."""
    rows = ["relu", *NORMS]
    waves = tuple(curve(row, [2, 4], np.array([0.1, v])) for row, v in zip(rows, left, strict=True))
    numbers = (
        np.array(psnr, float)[:, None, None],
        np.array(ranks, float)[:, None, None],
    )
    tables = (
        table(PSNR, ("", ""), rows, ["at the end"], numbers[0]),
        table(RANKS, ("", ""), rows, ["at first", "at the end"], np.repeat(numbers[1], 2, axis=1)),
    )
    charts = (Chart(WAVES, "", "", waves), Chart(KERNEL, "", "", waves))
    return Findings("coordinates", "", "cpu", "0", "", charts=charts, tables=tables)


@pytest.mark.parametrize(
    ("psnr", "left", "ranks", "hold"),
    [
        ((22, 30, 29, 28, 31), (0.9, 0.1, 0.2, 0.3, 0.4), (2, 9, 9, 9, 9), (1, 1, 1, 1, 1)),
        ((22, 32, 29, 24, 31), (0.9, 0.1, 0.2, 0.3, 0.5), (2, 9, 9, 9, 1), (0, 1, 0, 0, 0)),
        ((22, 30, 21, 28, 31), (0.9, 0.1, 0.2, 0.3, 0.4), (2, 9, 9, 9, 9), (0, 0, 1, 1, 1)),
    ],
)
def test_claims_are_judged_by_the_numbers(psnr, left, ranks, hold):
    claims = figure("coordinates").claims(findings(psnr, left, ranks))
    assert [claim.holds for claim in claims] == [*map(bool, hold)]


def test_the_figure_has_a_name_of_its_own():
    with pytest.raises(BluraxError, match=r"2, 3, 4, .*17, .*coordinates, .*or all"):
        figure("waves")
    assert figure("coordinates").setting(Budget.NIGHT) == figure("coordinates").setting(Budget.CPU)


def test_a_first_layer_that_is_normalised_over_its_neurons_sees_sizes():
    network = Network((1, 8, 1))
    weights = initial_weights(jax.random.key(0), network, Activation.RELU, True, Over.LAYER)
    x = jnp.asarray([[0.2], [0.9]])
    said = forward(network, weights, x, Activation.RELU, over=Over.LAYER)[0][1]
    assert float(jnp.abs(said[0] - said[1]).max()) > 0.1


def test_edges_that_are_not_plastic_keep_all_their_biases():
    network = Network((2, 3, 1))
    edges = tuple(dataclasses.replace(edge, plastic=l > 0) for l, edge in enumerate(network.edges))
    fixed = dataclasses.replace(network, edges=edges)
    old, new = (
        initial_weights(jax.random.key(k), fixed, Activation.RELU, True, Over.LAYER)
        for k in range(2)
    )
    kept = with_fixed(fixed, new, old)
    assert kept.before[0] is old.before[0]
    assert kept.w[1] is new.w[1]
