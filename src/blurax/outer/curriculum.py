"""A curriculum on the length of the episode: short ones first (App. C.1)."""

import dataclasses

from blurax.bounds import check_counts
from blurax.errors import require
from blurax.frozen import check_types


@dataclasses.dataclass(frozen=True)
class Curriculum:
    """Episodes that grow in stages; at the start of each, all members go on from the best one.

    Raises:
        BluraxError: for a negative value, or a growth without a length of the stages.
    """

    add: int = 0
    """Steps by which episodes grow from stage to stage."""
    every: int = 0
    """Meta-steps of a stage; 0: there is but one stage."""
    most: int | None = None
    """Steps beyond which episodes do not grow."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "add", "every", least=0)
        check_counts(self, "most")
        require(
            self.every > 0 or self.add == 0,
            f"Curriculum.add is {self.add}, but Curriculum.every is 0: it takes the length of a "
            "stage.",
        )

    def stage(self, meta_step: int) -> int:
        """The stage of a meta-step, both counted from 0."""
        return meta_step // self.every if self.every else 0

    def begins(self, meta_step: int) -> bool:
        """Whether a stage other than the first begins with this meta-step."""
        return self.every > 0 and meta_step > 0 and meta_step % self.every == 0

    def steps(self, first: int, stage: int) -> int:
        """The steps of an episode in a stage, if the first stage's has `first`."""
        grown = first + self.add * stage
        return grown if self.most is None else max(first, min(grown, self.most))
