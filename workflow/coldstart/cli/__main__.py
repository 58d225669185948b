"""``python -m coldstart.cli``: the command ``coldstart`` from the package that Python finds."""

import sys

from coldstart.cli import main

if __name__ == "__main__":
    sys.exit(main())
