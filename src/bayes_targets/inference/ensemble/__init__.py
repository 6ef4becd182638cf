"""Many fits: one function over data sets, priors or specifications, on all cores or a cluster."""

from .jobs import Function as Function
from .mapping import Ensemble as Ensemble
from .mapping import draw_normal as draw_normal
from .mapping import require_scheduler as require_scheduler
from .mapping import run_ensemble as run_ensemble
from .mapping import seed_of as seed_of
