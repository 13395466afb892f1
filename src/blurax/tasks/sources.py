"""The image data sets: what they hold, where they come from, and what identifies their files."""

import dataclasses
import string

from blurax.errors import require

TRAIN, TEST = "train", "t10k"
"""The two parts of every set, in the words of MNIST's file names."""


@dataclasses.dataclass(frozen=True)
class File:
    """A published file."""

    name: str
    url: str
    md5: str
    megabytes: float


@dataclasses.dataclass(frozen=True)
class Source:
    """An image data set as its authors published it."""

    name: str
    about: str
    side: int
    """Pixels of a side."""
    colour: bool
    train: int
    """The published number of training examples."""
    test: int
    labels: tuple[int, int]
    """The first and the last label."""
    licence: str
    """As its authors state it."""
    folders: tuple[str, ...]
    """Where it may lie in a data folder."""
    files: tuple[File, ...]
    """What is downloaded."""
    class_names: tuple[str, ...] = ()
    """Of the labels in order; their numbers if empty."""
    member: str = ""
    """The prefix of the files inside a published archive; also of their names outside it."""

    def class_name(self, label: int) -> str:
        """What a label means."""
        return self.class_names[label - self.labels[0]] if self.class_names else str(label)

    @property
    def folder(self) -> str:
        """Where its downloads go in the cache; the parts of EMNIST share theirs."""
        return "emnist" if self.member else self.name

    def count(self, part: str) -> int:
        """The published number of examples of a part."""
        return self.train if part == TRAIN else self.test


def _four(base: str, md5s: tuple[str, str, str, str], megabytes: float) -> tuple[File, ...]:
    """The four files of a set in MNIST's format; the test part is a sixth of the training part."""
    names = (
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    )
    sizes = (megabytes, 0.03, megabytes / 6, 0.005)
    return tuple(
        File(name, base + name, md5, size)
        for name, md5, size in zip(names, md5s, sizes, strict=True)
    )


_EMNIST = (
    File(
        "emnist-gzip.zip",
        "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
        "58c8d27c78d21e728a6bc7b3cc06412e",
        562.0,
    ),
)
_NIST = "derived from NIST Special Database 19"

SOURCES = {
    source.name: source
    for source in (
        Source(
            "mnist",
            "handwritten digits",
            28,
            False,
            60_000,
            10_000,
            (0, 9),
            "commonly cited as CC BY-SA 3.0",
            ("mnist", "MNIST/raw"),
            _four(
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                (
                    "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                    "d53e105ee54ea40749a09fcbcd1e9432",
                    "9fb629c4189551a2d022fa330f9573f3",
                    "ec29112dd5afa0611ce80d1b7f02629c",
                ),
                9.9,
            ),
        ),
        Source(
            "fashion-mnist",
            "pictures of clothes",
            28,
            False,
            60_000,
            10_000,
            (0, 9),
            "MIT",
            ("fashion_mnist", "fashion-mnist", "FashionMNIST/raw"),
            _four(
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                (
                    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                    "25c81989df183df01b3e8a0aad5dffbe",
                    "bef4ecab320f06d8554ea6380940ec79",
                    "bb300cfdad3c16e7a12a480ee83cd310",
                ),
                26.4,
            ),
            (
                "t-shirt",
                "trouser",
                "pullover",
                "dress",
                "coat",
                "sandal",
                "shirt",
                "sneaker",
                "bag",
                "boot",
            ),
        ),
        Source(
            "kmnist",
            "cursive Japanese characters",
            28,
            False,
            60_000,
            10_000,
            (0, 9),
            "CC BY-SA 4.0",
            ("kmnist", "KMNIST/raw"),
            _four(
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
                (
                    "bdb82020997e1d708af4cf47b453dcf7",
                    "e144d726b3acfaa3e44228e80efcd344",
                    "5c965bf0a639b31b8f53240b1b52f4d7",
                    "7320c461ea6c1c855c0b718fb2a4b134",
                ),
                18.2,
            ),
        ),
        Source(
            "emnist-byclass",
            "handwritten digits, capitals and small letters",
            28,
            False,
            697_932,
            116_323,
            (0, 61),
            _NIST,
            ("emnist_byclass", "emnist", "EMNIST/raw"),
            _EMNIST,
            tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase),
            "emnist-byclass",
        ),
        Source(
            "emnist-letters",
            "handwritten letters of either case",
            28,
            False,
            124_800,
            20_800,
            (1, 26),
            _NIST,
            ("emnist_letters", "emnist", "EMNIST/raw"),
            _EMNIST,
            tuple(string.ascii_uppercase),
            "emnist-letters",
        ),
        Source(
            "cifar10",
            "small colour photographs",
            32,
            True,
            50_000,
            10_000,
            (0, 9),
            "none stated",
            ("cifar10", "cifar-10"),
            (
                File(
                    "cifar-10-binary.tar.gz",
                    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                    "c32a1d4ab5d03f1284b67883e8d87530",
                    170.1,
                ),
            ),
            (
                "airplane",
                "automobile",
                "bird",
                "cat",
                "deer",
                "dog",
                "frog",
                "horse",
                "ship",
                "truck",
            ),
        ),
    )
}
"""The image data sets by name."""

OMNIGLOT_FILES = tuple(
    File(
        f"images_{part}.zip",
        f"https://raw.githubusercontent.com/brendenlake/omniglot/master/python/images_{part}.zip",
        md5,
        megabytes,
    )
    for part, md5, megabytes in (
        ("background", "68d2efa1b9178cc56df9314c21c6e718", 9.5),
        ("evaluation", "6b91aef0f799c5bb55b94e3f2daec811", 6.5),
    )
)


def get_source(name: str) -> Source:
    """The data set called `name`.

    Raises:
        BluraxError: if there is none.
    """
    require(
        name in SOURCES, f"There is no image data set {name!r}; there are {', '.join(SOURCES)}."
    )
    return SOURCES[name]
