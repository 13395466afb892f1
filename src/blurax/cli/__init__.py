"""The command `blurax`."""

from blurax.cli.main import main

__all__ = ["main"]
