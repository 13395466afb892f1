"""Every method, as small as a test takes it."""

from blurax.outer.methods import (
    Cma,
    Es,
    Forward,
    Gradient,
    Method,
    Nres,
    Pes,
    RandomSearch,
    Truncated,
)


def small(window: int = 2, pairs: int = 2, sigma: float | None = None) -> list[Method]:
    """One of each; `sigma` for those that have one."""
    wide = {} if sigma is None else {"sigma": sigma}
    return [
        Gradient(),
        Forward(),
        Truncated(window),
        Es(pairs, **wide),
        Pes(pairs, window=window, **wide),
        Nres(pairs, window=window, **wide),
        Cma(**wide),
        RandomSearch(),
    ]
