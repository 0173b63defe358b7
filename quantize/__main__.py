"""``fer-quantize`` and ``python -m quantize``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; without the workstation's packages, say which one is missing."""
    try:
        from quantize.cli import main as run
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"fer-quantize: the package {error.name} is missing; run make setup, or install fer-edge[train]\n"
        )
        return 1
    except KeyboardInterrupt:  # while its modules are loaded; later it says more
        return 130
    return run()


if __name__ == "__main__":
    sys.exit(main())
