"""The values with which the numbers of a genome do nothing."""

from blurax.spec import Rule

_PARTS = {
    "nu": 0.0,
    "mu": 0.0,
    "nu_tilde": 0.0,
    "mu_tilde": 0.0,
    "f": 0.0,
    "f_tilde": 1.0,
    "eta_tilde": 0.0,
}
"""Of the numbers in (5) to (7): a state that nothing enters, a synapse that stays."""


def neutral(name: str, rule: Rule) -> float | None:
    """The value with which a number does nothing; None if there is none.

    Args:
        name: of its leaf in a genome, such as `neuron.nu`.
    """
    last = name.rpartition(".")[-1]
    if last in _PARTS:
        return _PARTS[last]
    gene = rule.gene(name)
    return None if gene is None else gene.neutral
