"""Figures: what the tables say, drawn so that a busy reader sees it.

Every function takes a table (or a posterior) and returns a new :class:`matplotlib.figure.Figure`; none draws
through pyplot and none leaves a setting of matplotlib changed. One look holds for all of them: what the data
alone say is dark, dashed and an open square; what the posterior says is blue, solid and a round marker,
hollow where it rests on fewer than five cases. The title says the message, the subtitle what was drawn and of how many,
and arrows at the axis which way is better.
"""

from ._sheet import save_bytes
from .anchoring import plot_anchoring, plot_slope_by_weight, plot_summary_check
from .areas import plot_ranks, plot_shares, plot_shrinkage, plot_status_bars
from .audit import plot_audit
from .design import plot_design
from .forest import plot_forest
from .hits import plot_hits
from .pool import plot_bubble, plot_funnel, plot_pooled
from .priors import plot_prior_curve, plot_prior_posterior
from .specifications import plot_specifications

__all__ = [
    "plot_anchoring",
    "plot_audit",
    "plot_bubble",
    "plot_design",
    "plot_forest",
    "plot_funnel",
    "plot_hits",
    "plot_pooled",
    "plot_prior_curve",
    "plot_prior_posterior",
    "plot_ranks",
    "plot_shares",
    "plot_shrinkage",
    "plot_slope_by_weight",
    "plot_specifications",
    "plot_status_bars",
    "plot_summary_check",
    "save_bytes",
]
