"""``python -m model.packaged NAME``."""

import sys

from model.packaged.recipes import main

sys.exit(main())
