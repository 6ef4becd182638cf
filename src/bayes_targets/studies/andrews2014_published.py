"""What the analysis of the printed regressions of Andrews et al. (2014) hands back: tables, figures and words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import xarray as xr

from ..comparison.claims import probability_text
from ..comparison.compare import clear_of_zero
from ..plots import plot_forest, plot_prior_posterior
from ..report.result import Picture, Result, Table
from . import andrews2014 as paper

ON, STRETCH = paper.ON, paper.STRETCH
SHOWN = [
    "posterior", "ols_estimate", "ols_low", "ols_high", "mean", "low", "high", "prob_positive", "rope_above",
]  # fmt: skip


def published_result(
    posteriors: Mapping[str, xr.DataTree],
    tables: Mapping[str, pd.DataFrame],
    panels: Mapping[str, pd.DataFrame],
) -> Result:
    """The result of the analysis of the printed regressions.

    Parameters
    ----------
    posteriors : mapping of str to xarray.DataTree
        ``model_<n>`` (default priors), ``model_<n>_flat`` and ``model_<n>_types`` for each printed model n; the headline first.
    tables : mapping of str to pandas.DataFrame
        Posterior beside OLS, in units of the outcome, by posterior.
    panels : mapping of str to pandas.DataFrame
        The same for one standard deviation of each predictor, by printed model (``"Model 2"``).

    Returns
    -------
    Result
    """
    comparison = pd.concat(tables, names=["posterior"]).reset_index("posterior")
    return Result(
        answer=_answer(tables["model_2"].loc[ON], tables["model_3"].loc[STRETCH]),
        tables={
            "comparison": Table(
                comparison,
                "Posterior beside the published OLS for the two target measures, in percentage points of change in cohesion for one "
                "unit of the term. Both intervals 95%: equal-tailed posterior, t for OLS. ROPE: an effect within half a point for "
                "one s.d. of the predictor (or from 0 to 1). Rows: weakly informative priors, flat "
                "priors, partially pooled authority types. The CSV holds every term, both p-values and the rest.",
                shown=comparison.loc[comparison.index.isin([ON, STRETCH]), SHOWN],
            ),
            "types": Table(paper.type_table(posteriors["model_1_types"]), paper.TYPE_CAPTION),
        },
        pictures=_pictures(posteriors, panels),
        posteriors=posteriors,
        methods=paper.METHODS,
        limits=paper.LIMITS,
    )


def _answer(on: Any, stretch: Any) -> str:
    return (
        f"Having a target: posterior mean {on['mean']:.2f} percentage points of change in cohesion (95% equal-tailed interval "
        f"{on['low']:.2f} to {on['high']:.2f}), probability {probability_text(float(on['prob_positive']))} of any improvement "
        "beside areas without one, and "
        f"{probability_text(float(on['rope_above']))} of more than half a point. A point of stretch: {stretch['mean']:.2f} "
        f"({stretch['low']:.2f} to {stretch['high']:.2f}), probability {probability_text(float(stretch['prob_positive']))} of a "
        "positive association, if the printed standard error is taken as it stands."
    )


def _pictures(
    posteriors: Mapping[str, xr.DataTree], panels: Mapping[str, pd.DataFrame]
) -> dict[str, Picture]:
    names = sorted(panels)
    clear = "; ".join(f"{name}: {', '.join(clear_of_zero(panels[name])) or 'none'}" for name in names)
    return {
        "forest": Picture(
            plot_forest(
                {name: panels[name] for name in names},
                title=paper.FOREST_TITLE,
                xlabel=paper.FOREST_X,
                terms=[ON, STRETCH, *panels["Model 1"].index],
            ),
            f"Dashed: published OLS. Solid: posterior. The grey band marks effects under half a point. Clear of zero: {clear}.",
            f"Forest plot of all slopes of three models, per standard deviation. Terms whose interval excludes zero: {clear}.",
        ),
        "prior_posterior": Picture(
            plot_prior_posterior(
                paper.headline(posteriors), title="What the table adds to the prior", xlabel=paper.PRIOR_X
            ),
            "Prior (wide) and posterior (narrow) of the two target measures, in percentage points of change in cohesion: from no "
            "target to a target, and for one s.d. of stretch.",
            "Two panels with prior and posterior densities; both posteriors are far narrower than the prior.",
        ),
    }
