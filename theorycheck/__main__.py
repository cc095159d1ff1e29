"""``python -m theorycheck`` is the command ``theorycheck``."""

import sys

from theorycheck.cli import main

if __name__ == "__main__":
    sys.exit(main())
