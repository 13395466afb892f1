"""The suites of `blurax bench`: what is measured is fixed and has a version in its name."""

import dataclasses

from blurax.baselines import Tuning
from blurax.curves import Schedule
from blurax.errors import require
from blurax.frozen import Checked

ONE_SCHEDULE = Tuning(schedules=(Schedule.CONSTANT,), seeds=3)
"""What is tuned in the quick suite: rate, relu or tanh, batch normalisation, on 3 seeds."""

OPTIMISERS = (
    *("sgd", "momentum", "nesterov", "adam", "adamw", "nadam", "rmsprop", "lion"),
    *("schedule-free", "muon", "foof"),
)
"""Tuned optimisers on the exact gradient; foof, descent on neurons, is second-order."""
UNTUNED = ("prodigy", "mechanic", "auto-sphere")
"""Optimisers of which nothing is tuned, as nothing is of a genome."""
FIXED_FEEDBACK = ("fa", "dfa", "sign-symmetric")
"""Rules whose feedback is not the transposed weights; their rate is tuned."""


@dataclasses.dataclass(frozen=True)
class Part(Checked):
    """Tasks and networks of one kind: each task with each network is a cell for every learner."""

    name: str
    """What it is called, and its folder."""
    tasks: tuple[str, ...]
    nets: tuple[str, ...]
    budgets: tuple[int, ...]
    """Inner steps after which learners are compared."""
    batch: int
    """Examples in each step."""


@dataclasses.dataclass(frozen=True)
class Suite(Checked):
    """What a bench measures. A change of it takes a new name: ranks of two suites are not alike."""

    name: str
    about: str
    """What it takes, in a sentence."""
    parts: tuple[Part, ...]
    rivals: tuple[str, ...]
    tuning: Tuning
    seeds: int = 5
    seed: int = 0

    def only(self, parts: tuple[str, ...]) -> "Suite":
        """It with some of its parts alone; with all where none is named.

        Raises:
            BluraxError: if there is no such part.
        """
        known = [part.name for part in self.parts]
        unknown = [name for name in parts if name not in known]
        require(
            not unknown,
            f"{self.name} has no part {', '.join(unknown)}; it has {', '.join(known)}.",
        )
        kept = tuple(part for part in self.parts if not parts or part.name in parts)
        return dataclasses.replace(self, parts=kept)


_QUICK = (
    Part("images", ("digits",), ("64", "128-64"), (5, 20, 100), 64),
    Part("convolution", ("digits",), ("c8k3s2-16",), (5, 20, 100), 64),
    Part("tables", ("wine", "breast-cancer"), ("32",), (5, 20, 100), 32),
    Part("toys", ("spiral", "checkerboard"), ("32-32",), (5, 20, 100), 128),
    Part("sequences", ("sequence:digits:by=permute,stages=3,steps=20,repeat",), ("64",), (60,), 64),
)

_FULL = (
    Part(
        "images",
        (
            *("mnist:size=14", "fashion-mnist:size=14", "kmnist:train=0,size=14"),
            *("emnist-byclass:train=0,size=14", "cifar10:train=8000,test=2000"),
        ),
        ("128-64",),
        (10, 20, 50, 100, 1000),
        128,
    ),
    Part(
        "convolution",
        ("mnist:size=14", "fashion-mnist:size=14", "cifar10:train=8000,test=2000"),
        ("c8k3s2-c16k3s2-32",),
        (10, 20, 50, 100),
        128,
    ),
    Part(
        "tables",
        (
            *("uci:sonar", "uci:ecoli", "uci:german", "uci:phoneme", "uci:abalone"),
            *("uci:winequality-red", "wine", "breast-cancer"),
        ),
        ("64-32",),
        (10, 20, 50, 100, 1000),
        32,
    ),
    Part(
        "toys",
        ("spiral", "checkerboard", "two-moon-rotated", "concentric-circles"),
        ("32-32",),
        (10, 20, 50, 100, 1000),
        128,
    ),
    Part(
        "sequences",
        (
            "sequence:mnist:size=14,by=permute,stages=5,steps=50",
            "sequence:kmnist:train=0,size=14,by=permute,stages=5,steps=50,repeat",
            "sequence:fashion-mnist:size=14,by=classes,stages=5,steps=50",
        ),
        ("128-64",),
        (250,),
        128,
    ),
)

SUITES = {
    suite.name: suite
    for suite in (
        Suite(
            "bench-1:quick",
            "data that scikit-learn ships and made data; about an hour of one core, minutes where "
            "--reuse brings the rivals",
            _QUICK,
            (*OPTIMISERS, *UNTUNED, *FIXED_FEEDBACK),
            ONE_SCHEDULE,
        ),
        Suite(
            "bench-1",
            "images, convolutions, tables, toys and sequences up to 1,000 steps: two hours, one "
            "hour, one hour, half an hour and 20 minutes of one core",
            _FULL,
            (*OPTIMISERS, *UNTUNED, *FIXED_FEEDBACK),
            Tuning(),
        ),
    )
}
"""All suites by name."""


def suite(name: str) -> Suite:
    """A suite by its name.

    Raises:
        BluraxError: if there is none.
    """
    require(name in SUITES, f"There is no suite {name!r}; there are {', '.join(SUITES)}.")
    return SUITES[name]
