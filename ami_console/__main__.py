"""``python -m ami_console``."""

import sys

from ami_console.cli import main

if __name__ == "__main__":
    sys.exit(main())
