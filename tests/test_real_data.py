"""The data sets are what their authors published; only where their files are at hand."""

from pathlib import Path

import jax
import numpy as np
import pytest

from blurax.errors import BluraxError
from blurax.tasks import EpisodeSpec, Split, fetch, get, omniglot
from blurax.tasks.holdings import holdings
from blurax.tasks.sources import SOURCES, TEST, TRAIN

MNIST_TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
MNIST_TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]

PUBLISHED = {
    ("mnist", TRAIN): (MNIST_TRAIN, 0.1307),
    ("mnist", TEST): (MNIST_TEST, 0.1325),
    ("fashion-mnist", TRAIN): ([6000] * 10, 0.2860),
    ("fashion-mnist", TEST): ([1000] * 10, 0.2868),
    ("kmnist", TRAIN): ([6000] * 10, 0.1918),
    ("kmnist", TEST): ([1000] * 10, 0.1846),
    ("emnist-byclass", TEST): (None, 0.1736),
    ("emnist-letters", TRAIN): ([4800] * 26, None),
    ("emnist-letters", TEST): ([800] * 26, None),
    ("cifar10", TRAIN): ([5000] * 10, (0.4914, 0.4822, 0.4465)),
    ("cifar10", TEST): ([1000] * 10, None),
}
"""Examples of each class, and the mean pixel from 0 to 1."""


def part(name: str, which: str, whole: bool = True):
    """A part that is at hand; nothing is downloaded for a test."""
    source = SOURCES[name]
    need = source.count(which) if whole else 1
    try:
        found = next((h for h in holdings(source, which) if h.count >= need), None)
    except BluraxError as error:
        pytest.fail(str(error))
    if found is None:
        pytest.skip(f"{name} {which} is not at hand: set {fetch.VARIABLE} to a folder that has it")
    return found.read()


@pytest.mark.parametrize(("name", "which"), PUBLISHED)
def test_counts_balance_and_means_are_the_published_ones(name, which):
    images, labels = part(name, which)
    counts, mean = PUBLISHED[name, which]
    source = SOURCES[name]
    first, last = source.labels
    assert len(images) == len(labels) == source.count(which)
    found = np.bincount(labels, minlength=last + 1)[first:]
    assert (found > 0).all()
    assert counts is None or found.tolist() == counts
    if mean is not None:
        axes = (0, 1, 2)
        np.testing.assert_allclose(images.mean(axes, dtype=np.float64) / 255, mean, atol=5e-5)


@pytest.mark.parametrize(("name", "which"), PUBLISHED)
def test_no_image_stands_twice_in_a_set(name, which):
    """So that no image of one split can be in another."""
    images, _ = part(name, which, whole=False)
    rows = {image.tobytes() for image in images}
    assert len(rows) == len(images)
    if which == TRAIN:
        test, _ = part(name, TEST, whole=False)
        assert not rows & {image.tobytes() for image in test}


@pytest.mark.parametrize("name", ["emnist-byclass", "emnist-letters"])
def test_emnist_is_upright(name):
    """A 1 and an L stand: their ink spreads more from top to bottom than from left to right."""
    images, labels = part(name, TEST, whole=False)
    upright = images[labels == {"emnist-byclass": 1, "emnist-letters": 9}[name]][:200] > 128
    tall = upright.any(axis=2).sum(axis=1)
    wide = upright.any(axis=1).sum(axis=1)
    assert np.median(tall) > 1.5 * np.median(wide)


def test_the_first_letters_are_balanced():
    """The published test file is sorted: so are the first of it, 800 of each class."""
    _, labels = part("emnist-letters", TEST, whole=False)
    assert (np.diff(labels.astype(int)) >= 0).all()
    counts = np.bincount(labels)[1:].tolist()
    assert counts[:-1] == [800] * (len(counts) - 1)
    assert counts[-1] <= 800


def test_letters_that_are_also_in_byclass_can_be_left_out():
    letters, byclass = (part(f"emnist-{n}", TEST, whole=False) for n in ("letters", "byclass"))
    if len(letters[0]) != 14_800:
        pytest.skip("the number of duplicates is known for the first 14,800 letters")
    one = get("emnist-letters:train=0,test=14800,classes=1-19")
    other = get("emnist-byclass:train=0")
    rest = one.without(other)
    assert len(one.x) - len(rest.x) == 2061
    assert not {r.tobytes() for r in np.asarray(rest.x)} & {i.tobytes() for i in byclass[0]}


def test_cifar_has_its_colours():
    """In the published order: frogs are greener than ships, ships bluer than frogs."""
    images, labels = part("cifar10", TRAIN, whole=False)
    frog, ship = (images[labels == c].mean(axis=(0, 1, 2)) for c in (6, 8))
    assert len(images) in (8_000, 50_000)
    assert frog[1] > frog[2]
    assert ship[2] > ship[0]
    if len(images) == 8_000:
        np.testing.assert_allclose(
            images.mean(axis=(0, 1, 2)) / 255, [0.4918, 0.4816, 0.4452], atol=1e-4
        )


@pytest.fixture(scope="module")
def characters():
    if not all(omniglot.find(number) for number in (0, 1)):
        pytest.skip(f"omniglot is not at hand: set {fetch.VARIABLE} to a folder that has it")
    return get("omniglot")


def test_omniglot_holds_its_alphabets_apart(characters):
    assert characters.drawings.shape == (964 + 659, 20, 784)
    validate, test = characters.bounds
    assert test == 964
    assert 25 * 14 < validate < test  # the last 5 alphabets have their own number of characters
    drawings = np.asarray(characters.drawings)
    parts = [drawings[:validate], drawings[validate:test], drawings[test:]]
    rows = [{d.tobytes() for d in p.reshape(-1, 784)} for p in parts]
    assert not rows[0] & rows[1]
    assert not (rows[0] | rows[1]) & rows[2]
    ink = drawings.mean() / 255
    assert 0.05 < ink < 0.12  # white lines on black


@pytest.mark.parametrize("split", Split)
def test_omniglot_draws_other_characters_for_each_split(characters, split):
    cards = {s: set() for s in Split}
    draw = jax.jit(lambda key: characters.indices(key, EpisodeSpec(), split)[0])
    for seed in range(20):
        cards[split] |= set(np.asarray(draw(jax.random.key(seed)))[..., 1].ravel().tolist())
    low, high = characters._pool(split)
    assert all(low <= c < high for c in cards[split])
    assert len(cards[split]) > 60


@pytest.mark.parametrize(
    ("name", "features", "outputs"),
    [
        ("mnist:size=10,classes=0-4", 100, 5),
        ("mnist:crop=20,size=10", 100, 10),
        ("fashion-mnist:size=14", 196, 10),
        ("kmnist:train=0", 784, 10),
        ("emnist-letters:train=0,test=14800,classes=10-19", 784, 10),
        ("emnist-byclass:train=0", 784, 62),
        ("cifar10:train=8000,test=2000,grey", 1024, 10),
    ],
)
def test_the_papers_tasks_are_drawn_from_real_files(name, features, outputs):
    source = SOURCES[name.split(":")[0]]
    if fetch.data_folder() is None or not any(True for _ in holdings(source, TEST)):
        pytest.skip(f"{source.name} is not at hand: set {fetch.VARIABLE} to a folder that has it")
    task = get(name)
    support, query = task.indices(jax.random.key(0), EpisodeSpec(), Split.TEST)
    assert (task.features, task.outputs) == (features, outputs)
    assert not set(np.asarray(support).ravel().tolist()) & set(np.asarray(query).tolist())
    episode = task.sample(jax.random.key(0), EpisodeSpec(), Split.TRAIN)
    assert abs(float(episode.x.mean())) < 0.05
    assert float(episode.x.std()) == pytest.approx(1, abs=0.05)
    assert len(np.unique(np.asarray(episode.y).argmax(-1))) == outputs


UCI = {
    "abalone:words=onehot,kind=regression": (4177, 10, 1),
    "winequality-red:kind=regression": (1599, 11, 1),
    "breast-cancer-wisconsin:missing=drop": (683, 9, 2),
    "german:words=onehot": (1000, 61, 2),
    "ecoli": (336, 7, 8),
    "wheat-seeds": (210, 7, 3),
    "phoneme": (5404, 5, 2),
}
"""Tables as they are commonly redistributed, without a header: examples, features, outputs."""


@pytest.mark.filterwarnings("ignore:.*16 of 699 rows lack a value:UserWarning")
@pytest.mark.parametrize("name", UCI)
def test_tables_of_uci_are_read_as_they_are(name):
    stem, _, options = name.partition(":")
    path = (fetch.data_folder() or Path()) / "uci" / f"{stem}.csv"
    if not path.exists():
        pytest.skip(f"uci/{stem}.csv is not at hand: set {fetch.VARIABLE} to a folder that has it")
    task = get(",".join(filter(None, (f"csv:path={path},header=no", options))))
    assert (len(task.x), task.features, task.outputs) == UCI[name]
    with pytest.raises(BluraxError, match="if it has no header, say header=no"):
        get(f"csv:path={path}")
