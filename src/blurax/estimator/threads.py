"""Several threads on one estimator: one of them fits it, or any number ask it, never both."""

import contextlib
import dataclasses
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from typing import Any

from blurax.errors import BluraxError
from blurax.estimator.checks import refuse_forked
from blurax.io.compile_cache import keep_compiled


@dataclasses.dataclass
class _Use:
    """Who uses an estimator, by the numbers of threads."""

    fitting: int | None = None
    asking: Counter[int] = dataclasses.field(default_factory=Counter)


_changed = threading.Condition()
_uses: "weakref.WeakKeyDictionary[Any, _Use]" = weakref.WeakKeyDictionary()
"""Kept apart from the estimators, which are copied and pickled."""


@contextlib.contextmanager
def fitting(estimator: Any) -> Iterator[None]:
    """In here this thread changes an estimator; it begins when the predictions under way are made.

    Raises:
        BluraxError: if another thread is at it (in turn, the last one would overwrite what the
            others go on to use), or in a process that `refuse_forked` refuses.
    """
    refuse_forked()
    keep_compiled()
    me = threading.get_ident()
    with _changed:
        use = _uses.setdefault(estimator, _Use())
        before = use.fitting
        if before not in (None, me):
            raise BluraxError(
                "This estimator is being fitted in another thread; fit one for each thread, such "
                "as sklearn.base.clone(estimator) gives."
            )
        use.fitting = me
    try:
        with _changed:
            _changed.wait_for(lambda: set(use.asking) <= {me})
        yield
    finally:
        with _changed:
            use.fitting = before
            _changed.notify_all()


@contextlib.contextmanager
def asking(estimator: Any) -> Iterator[None]:
    """In here an estimator is as one fit left it; begins when a fit in another thread has ended.

    Raises:
        BluraxError: in a process that `refuse_forked` refuses.
    """
    refuse_forked()
    keep_compiled()
    me = threading.get_ident()
    with _changed:
        use = _uses.setdefault(estimator, _Use())
        _changed.wait_for(lambda: use.asking[me] > 0 or use.fitting in (None, me))
        use.asking[me] += 1
    try:
        yield
    finally:
        with _changed:
            use.asking[me] -= 1
            use.asking += Counter()  # forgets who does not ask any more
            _changed.notify_all()
