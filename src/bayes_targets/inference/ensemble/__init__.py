"""Many fits: one function over data sets, priors or specifications, on all cores or a cluster."""

from .mapping import Ensemble as Ensemble
from .mapping import Function as Function
from .mapping import draw_normal as draw_normal
from .mapping import require_scheduler as require_scheduler
from .mapping import run_ensemble as run_ensemble
from .pool import Pool as Pool
from .pool import WorkerLostError as WorkerLostError
from .pool import cores as cores
from .pool import one_thread as one_thread
from .pool import say_from_worker as say_from_worker
