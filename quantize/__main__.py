"""``python -m quantize`` is ``fer-quantize``."""

import sys

from quantize.cli import main

sys.exit(main())
