"""``fer-train`` and ``python -m train``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; Ctrl-C while its modules are loaded ends it as quietly as later."""
    try:
        from train.cli import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
