"""Networks that most of these learners take."""

from blurax.errors import require
from blurax.learner import Learner


def check_chain(learner: Learner) -> None:
    """Raise `BluraxError` if a learner's network is no fully connected chain."""
    name = type(learner).__name__
    require(
        learner.network.is_dense,
        f"The network {learner.network} is no fully connected chain; {name} takes one such as "
        "Network((64, 32, 10)).",
    )
