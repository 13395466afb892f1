"""The synapses of an edge, and what a rule's terms keep beside each of them."""

from collections.abc import Sequence

import equinox as eqx
from jaxtyping import Array, Float

from blurax.spec import Rule

Kept = dict[str, list[Array]]
"""What terms keep for some arrays of synapses, by the term's name: an array for each of theirs."""


class Synapses(eqx.Module):
    """The synapses of an edge; all are None where its link has none."""

    forward: Float[Array, "channels i j"] | None
    """w_ij, from the lower group to the upper; None where the edge leads only back."""
    bias: Float[Array, "channels 1 j"] | None
    """w_ij from the bias unit of the lower group; None without one."""
    backward: Float[Array, "channels _ _"] | None
    """w_ji, from the upper group to the lower; None where it is w_ij transposed, and towards the
    input, which is never updated."""
    kept: dict[str, "Synapses"] = eqx.field(default_factory=dict)
    """What terms keep beside them, by the term's name, `Term.begin`: a number for each synapse."""

    @property
    def up(self) -> list[Array]:
        """All that leads up: w_ij, and the bias unit's."""
        return [part for part in (self.forward, self.bias) if part is not None]

    @property
    def down(self) -> list[Array]:
        """w_ji, if it is an array of its own."""
        return [] if self.backward is None else [self.backward]

    def kept_up(self) -> Kept:
        """What terms keep for `up`."""
        return {name: own.up for name, own in self.kept.items()}

    def kept_down(self) -> Kept:
        """What terms keep for `down`."""
        return {name: own.down for name, own in self.kept.items()}

    def having(self, up: Sequence[Array], down: Sequence[Array]) -> "Synapses":
        """The same synapses with these numbers, and nothing kept."""
        found = iter((*up, *down))
        forward, bias, backward = (
            None if part is None else next(found)
            for part in (self.forward, self.bias, self.backward)
        )
        return Synapses(forward, bias, backward)

    def keeping(self, up: Kept, down: Kept) -> "Synapses":
        """With what terms keep for `up` and `down`."""
        kept = {name: self.having(up[name], down[name]) for name in up}
        return Synapses(self.forward, self.bias, self.backward, kept)

    def begun(self, rule: Rule) -> "Synapses":
        """With what the rule's terms keep at first."""
        keepers = [term for term in rule.terms if term.keeps]
        up, down = ({t.name: t.begin(part) for t in keepers} for part in (self.up, self.down))
        return self.keeping(up, down)
