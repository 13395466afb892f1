"""Image tasks from files: every form of file, orientation, crop, shrink, classes, splits."""

import dataclasses
import gzip
import zipfile

import jax
import numpy as np
import pytest

from blurax import backprop
from blurax.curves import learning_curve
from blurax.errors import BluraxError
from blurax.fit import blur_for, network_for
from blurax.spec import Activation, Rule
from blurax.tasks import EpisodeSpec, Split, get, pixels
from fake_data import idx, images, labels, listed, write_cifar, write_idx


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder of our own, an empty cache, and no network."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("BLURAX_DATA", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def mnist(data):
    """60 training and 20 test images."""
    parts = {"train": (images(60), labels(60)), "t10k": (images(20), labels(20))}
    for stem, (x, y) in parts.items():
        write_idx(data / "mnist", stem, x, y)
    listed(data)
    return parts


SMALL = "mnist:train=60,test=20"


def found(task):
    """Which stored image each example of a task is: a map from pixels to label."""
    return {
        row.tobytes(): int(label)
        for row, label in zip(np.asarray(task.x), task.labels, strict=True)
    }


def test_images_keep_their_labels_and_their_side_of_the_split(mnist):
    task = get(SMALL)
    assert (task.features, task.outputs, task.bounds) == (784, 10, (50, 60))
    assert get(SMALL + ",classes=7/2").class_names == ("7", "2")
    stored = found(task)
    for x, y in mnist.values():
        assert all(stored[image.tobytes()] == label for image, label in zip(x, y, strict=True))
    test = {row.tobytes() for row in np.asarray(task.x[60:])}
    assert test == {image.tobytes() for image in mnist["t10k"][0]}


@pytest.mark.parametrize(
    ("options", "shape"), [("", (28, 28, 1)), (",size=9", (9, 9, 1)), (",crop=20", (20, 20, 1))]
)
def test_episodes_keep_the_shape_of_images_and_networks_see_rows(mnist, options, shape):
    task = get(SMALL + options)
    spec, split = EpisodeSpec(2, 10, 5), Split.TRAIN
    episode = task.sample(jax.random.key(0), spec, split)
    assert task.input_shape == shape
    assert (episode.x.shape, episode.query_x.shape) == ((2, 10, *shape), (5, *shape))
    changed = get(SMALL + options + ",permute-inputs,noise=0.1,pattern=1")
    assert changed.sample(jax.random.key(0), spec, split).x.shape == (2, 10, *shape)
    rows = dataclasses.replace(task, input_shape=(task.features,))  # as a table
    network = network_for(task, (4,))
    genome = backprop(Rule.backprop(Activation.TANH), 0.1)
    found = [
        learning_curve(
            blur_for(genome, network, one),
            one,
            jax.random.split(jax.random.key(0), 1),
            (1, 3),
            Split.TEST,
            batch=8,
        )[1]
        for one in (task, rows)
    ]
    np.testing.assert_array_equal(found[0].loss, found[1].loss)


def test_one_part_alone_is_divided(mnist):
    task = get("mnist:train=0,test=20")
    assert task.bounds == (12, 16)
    assert {r.tobytes() for r in np.asarray(task.x)} == {i.tobytes() for i in mnist["t10k"][0]}
    assert get("mnist:train=30,test=0").bounds == (18, 24)


def test_classes_are_chosen_and_numbered_in_the_order_named(mnist):
    task = get(SMALL + ",classes=7/2-3")
    assert task.outputs == 3
    stored = found(task)
    x, y = (np.concatenate([part[n] for part in mnist.values()]) for n in (0, 1))
    wanted = {
        image.tobytes(): [7, 2, 3].index(c) for image, c in zip(x, y, strict=True) if c in (7, 2, 3)
    }
    assert stored == wanted


@pytest.mark.parametrize("how", ["global", "pixel", "none"])
def test_standardisation_is_of_the_training_images(mnist, how):
    task = get(f"{SMALL},standardise={how}")
    x = (np.asarray(task.x, float) - np.asarray(task.shift)) * np.asarray(task.scale)
    seen = x[:50]
    if how == "none":
        np.testing.assert_allclose(x, np.asarray(task.x) / 255)
    else:
        axis = None if how == "global" else 0
        np.testing.assert_allclose(seen.mean(axis), 0, atol=1e-6)
        np.testing.assert_allclose(seen.std(axis), 1, atol=1e-6)
    episode = task.sample(jax.random.key(0), EpisodeSpec(2, 10, 5), Split.TRAIN)
    drawn = {row.tobytes() for row in np.asarray(episode.x).reshape(20, -1)}
    assert drawn <= {row.tobytes() for row in np.asarray((task.x - task.shift) * task.scale)}


@pytest.mark.parametrize("zipped", [True, False])
def test_idx_files_are_read_zipped_or_not(data, zipped):
    x, y = images(20), labels(20)
    write_idx(data / "fashion-mnist", "t10k", x, y, zipped)
    listed(data)
    assert set(found(get("fashion-mnist:train=0,test=20"))) == {i.tobytes() for i in x}


def test_official_emnist_is_transposed_and_upright_files_are_not(data):
    x, y = images(26), labels(26, 26, first=1)
    upright = {i.tobytes(): int(c) - 1 for i, c in zip(x, y, strict=True)}
    write_idx(data / "emnist_letters", "t10k", x, y)
    assert found(get("emnist-letters:train=0,test=26")) == upright
    (data / "emnist_letters").rename(data / "away")
    write_idx(data / "emnist", "emnist-letters-test", x.transpose(0, 2, 1), y)
    assert found(get("emnist-letters:train=0,test=26")) == upright


def test_emnist_is_read_from_its_published_zip(data):
    x, y = images(62), labels(62, 62)
    folder = data / "emnist"
    folder.mkdir()
    with zipfile.ZipFile(folder / "gzip.zip", "w") as archive:
        for end, array in (("images-idx3-ubyte", x.transpose(0, 2, 1)), ("labels-idx1-ubyte", y)):
            archive.writestr(f"gzip/emnist-byclass-test-{end}.gz", gzip.compress(idx(array)))
    listed(data)
    task = get("emnist-byclass:train=0,test=62")
    assert found(task) == {i.tobytes(): int(c) for i, c in zip(x, y, strict=True)}


def test_cifar_is_read_from_npz_and_from_its_published_tar(data):
    x, y = images(60, 32, 3), labels(60)
    folder = data / "cifar10"
    folder.mkdir()
    np.savez(
        folder / "some.npz", x_train=x[:40], y_train=y[:40, None], x_test=x[40:], y_test=y[40:]
    )
    from_npz = get("cifar10:train=40,test=20")
    (folder / "some.npz").unlink()
    batches = {f"data_batch_{n}": slice(8 * n - 8, 8 * n) for n in range(1, 6)}
    path = folder / "cifar-10-binary.tar.gz"
    write_cifar(path, x, y, batches | {"test_batch": slice(40, 60)})
    listed(data)
    from_tar = get("cifar10:train=40,test=20")
    for task in (from_npz, from_tar):
        assert found(task) == {i.tobytes(): int(c) for i, c in zip(x, y, strict=True)}
    np.testing.assert_array_equal(from_npz.x, from_tar.x)
    grey = get("cifar10:train=40,test=20,grey,size=16")
    assert grey.input_shape == (16, 16, 1)
    for side in (10, 14, 16, 32):
        assert get(f"cifar10:train=40,test=20,size={side}").input_shape == (side, side, 3)


def naive_shrink(image: np.ndarray, side: int) -> np.ndarray:
    """The mean over each new pixel, by looking at a picture of as many pixels as both divide."""
    fine = np.kron(image.astype(float), np.ones((side, side)))
    n = image.shape[0]
    return np.floor(fine.reshape(side, n, side, n).mean(axis=(1, 3)) + 0.5)


@pytest.mark.parametrize("side", [1, 7, 10, 13, 14, 27, 28])
def test_shrinking_is_the_mean_over_the_area(side):
    x = images(4)
    expected = np.stack([naive_shrink(image, side) for image in x])
    # The mean of whole numbers may lie on a half, where the naive sum's rounding decides.
    assert np.abs(pixels.shrink(x, side) - expected).max() <= 1
    assert (pixels.shrink(x, side) == expected).mean() > 0.99


def test_shrinking_by_hand_rounds_half_up():
    x = np.array([[[0, 1, 255, 255], [0, 1, 255, 255], [9, 9, 0, 1], [9, 9, 1, 1]]], np.uint8)
    np.testing.assert_array_equal(pixels.shrink(x, 2), [[[1, 255], [9, 1]]])
    colours = np.stack([x, x, x], axis=-1)
    np.testing.assert_array_equal(pixels.shrink(colours, 2)[..., 2], [[[1, 255], [9, 1]]])


def test_cropping_keeps_the_middle():
    x = images(3)
    np.testing.assert_array_equal(pixels.crop(x, 20), x[:, 4:24, 4:24])


def test_grey_weighs_the_colours():
    x = np.array([[[[255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]]], np.uint8)
    np.testing.assert_array_equal(pixels.grey(x), [[[255, 76, 150, 29]]])


def test_crop_comes_before_size(mnist):
    task = get(SMALL + ",crop=20,size=10,standardise=none")
    x = np.concatenate([part[0] for part in mnist.values()])
    expected = pixels.shrink(x[:, 4:24, 4:24], 10).reshape(len(x), -1)
    assert {r.tobytes() for r in np.asarray(task.x)} == {r.tobytes() for r in expected}


def test_a_class_without_examples_is_named(mnist):
    with pytest.raises(BluraxError, match=r"mnist has no example of label 5 .* the labels 0-4;"):
        get("mnist:train=5,test=20")
