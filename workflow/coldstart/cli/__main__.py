"""``python -m coldstart.cli``: the command of just this clone, installed or not."""

import sys

from coldstart.cli import main

if __name__ == "__main__":
    sys.exit(main())
