"""``python -m train`` is ``fer-train``."""

import sys

from train.cli import main

sys.exit(main())
