"""The one exception that means "the caller got something wrong"."""


class BluraxError(ValueError):
    """A mistake that the caller can mend; its message is one sentence that says how.

    The command line prints the message without a traceback and exits with status 2.
    """


def require(condition: bool, message: str) -> None:
    """Raise `BluraxError(message)` unless `condition` holds."""
    if not condition:
        raise BluraxError(message)
