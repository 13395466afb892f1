"""The command `blurax`."""

from blurax.cli.commands import main

__all__ = ["main"]
