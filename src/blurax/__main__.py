"""`python -m blurax`: the command `blurax`."""

import sys

from blurax.cli import main

if __name__ == "__main__":
    sys.exit(main())
