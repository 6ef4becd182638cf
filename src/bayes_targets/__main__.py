"""``python -m bayes_targets``: the command line."""

import sys

from .run import main

sys.exit(main())
