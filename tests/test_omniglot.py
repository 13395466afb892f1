"""Omniglot episodes from a small stand-in, whose every drawing tells which one it is."""

import jax
import numpy as np
import pytest

from blurax.errors import BluraxError
from blurax.tasks import EpisodeSpec, Split, get, omniglot, pixels
from fake_data import drawn, write_omniglot

BACKGROUND = {f"B{n:02}": 2 for n in range(30)}
EVALUATION = {f"E{n:02}": 2 for n in range(20)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    write_omniglot(data / "omniglot/images_background.zip", "images_background", BACKGROUND)
    write_omniglot(data / "omniglot/images_evaluation.zip", "images_evaluation", EVALUATION, 60)
    (data / "MANIFEST.txt").write_text("", encoding="utf-8")
    return data


@pytest.fixture
def task(folder, monkeypatch):
    monkeypatch.setattr(omniglot, "PUBLISHED", (60, 40))
    monkeypatch.setattr(
        omniglot.fetch, "check", lambda *_: None
    )  # these are not the published zips
    monkeypatch.setenv("BLURAX_DATA", str(folder))
    return lambda options="": get("omniglot:ways=5,shots=12,size=105" + options)


SPEC = EpisodeSpec(steps=3, batch=20, query=30)


def identity(x) -> list[tuple[int, int]]:
    """The character and the drawing of each image, read off its bar code."""
    bars = np.asarray(x).reshape(-1, 105, 105)[:, 0, 3:96:6] > 0.5
    powers = 2 ** np.arange(11)
    return [(int(bits[:11] @ powers), int(bits[11:] @ powers[:5])) for bits in bars]


@pytest.mark.parametrize(
    ("split", "low", "high"), [("train", 0, 50), ("validate", 50, 60), ("test", 60, 100)]
)
def test_an_episode_is_of_few_characters_of_its_split(task, split, low, high):
    met = set()
    few = task()
    draw = jax.jit(lambda key: few.sample(key, SPEC, Split(split)))
    for seed in range(10):
        episode = draw(jax.random.key(seed))
        support, query = identity(episode.x), identity(episode.query_x)
        assert not set(support) & set(query)
        assert len(set(query)) == len(query) == min(5 * 8, 30 if split == "train" else 40)
        named = {}
        for y, (character, _) in zip(
            [*np.asarray(episode.y).reshape(-1, 5), *np.asarray(episode.query_y)],
            support + query,
            strict=True,
        ):
            assert named.setdefault(character, int(y.argmax())) == int(y.argmax())
        assert sorted(named.values()) == list(range(5))
        met |= set(named)
    assert all(low <= character < high for character in met)
    assert len(met) > (high - low) / 3


def test_each_drawing_is_seen_once_before_any_again(task):
    episode = task().sample(jax.random.key(1), SPEC, Split.TRAIN)
    support = identity(episode.x)
    assert len(support) == len(set(support)) == 60  # 5 characters of 12 drawings


def test_random_characters_mix_the_alphabets(task, monkeypatch):
    few = task(",split=random")
    assert few.bounds == (1200, 1323)  # of the published 1,623
    numbers = [character for character, _ in identity(few.drawings[:, 0] / 255)]
    assert sorted(numbers) == list(range(100))
    assert numbers != list(range(100))


def test_turned_characters_are_turned_alike_and_only_in_meta_training(task):
    few = task(",rotate")
    episode = jax.jit(lambda key: few.sample(key, SPEC, Split.TRAIN))(jax.random.key(0))
    x, labels = (
        np.asarray(episode.x).reshape(-1, 105, 105) > 0.5,
        np.asarray(episode.y).reshape(-1, 5),
    )
    turns = {}
    for image, label in zip(x, labels.argmax(1), strict=True):
        quarter = next(q for q in range(4) if _is_bar_code(np.rot90(image, -q)))
        turns.setdefault(int(label), set()).add(quarter)
    assert all(len(quarters) == 1 for quarters in turns.values())
    assert len(set.union(*turns.values())) > 1
    test = few.sample(jax.random.key(0), SPEC, Split.TEST)
    assert all(60 <= character < 100 for character, _ in identity(test.x))


def _is_bar_code(image: np.ndarray) -> bool:
    """Upright bars, with the blank margin on the right that tells left from right."""
    return bool((image == image[:1]).all() and not image[:, 96:].any() and image.any())


def test_drawings_are_shrunk_white_on_black(task, monkeypatch):
    few = task().drawings[0, 3].reshape(105, 105)
    np.testing.assert_array_equal(np.asarray(few) == 255, drawn(0, 3))
    small = get("omniglot:ways=5,size=28").drawings[0, 3].reshape(28, 28)
    full = np.where(drawn(0, 3), 255, 0).astype(np.uint8)[None]
    np.testing.assert_array_equal(small, pixels.shrink(full, 28)[0])


def test_more_ways_than_characters_are_refused(task):
    many = get("omniglot:ways=11,size=28")
    with pytest.raises(BluraxError, match="10 characters to validate; it takes 11"):
        many.sample(jax.random.key(0), SPEC, Split.VALIDATE)


def test_another_number_of_characters_is_refused(task, monkeypatch):
    monkeypatch.setattr(omniglot, "PUBLISHED", (964, 659))
    with pytest.raises(BluraxError, match=r"images_background.zip holds 60 characters of \[20\]"):
        task()
