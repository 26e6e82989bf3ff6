"""`python -m condensery`: the command line."""

import sys

from condensery.cli import main

if __name__ == "__main__":
    sys.exit(main())
