"""Tables of authority-level fits: one data set beside its own OLS, or a reconstruction beside the printed one; 95% intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import xarray as xr

from ..errors import DataError
from ..inference.summary import summarise_draws
from ..models.cohesion.estimands import counterfactual_change, r_squared
from ..printed.reconstruction import pool_datasets
from ..printed.reconstruction.build import NOT_DETERMINED as NOT_DETERMINED

_SUMMARY = ["mean", "sd", "low", "high"]


def stack_datasets(posteriors: Sequence[xr.DataTree]) -> xr.DataTree:
    """The posteriors of several data sets as one, with a dim ``dataset``."""
    if not posteriors:
        raise DataError("posteriors: found none, expected one a data set")
    draws = [tree["posterior"].to_dataset() for tree in posteriors]
    whole = xr.concat(draws, dim=pd.RangeIndex(len(draws), name="dataset"), join="exact")
    tree = xr.DataTree.from_dict({"posterior": whole})
    tree.attrs = dict(posteriors[0].attrs)
    return tree


def pooled_comparison(ensemble: xr.DataTree, printed: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """The posterior over a reconstruction beside the printed OLS, term by term."""
    draws = ensemble["posterior"].to_dataset()["regression"]
    pooled = pool_datasets(draws)
    pooled.index = pd.Index(
        [names.get(str(term), str(term)) for term in draws["term"].to_numpy()], name="term"
    )
    positive = (draws > 0).mean(("chain", "draw")).transpose("dataset", ...).to_numpy()
    pooled["prob_positive"] = positive.mean(axis=0)
    pooled["prob_error"] = positive.std(axis=0, ddof=1) / len(positive) ** 0.5
    kept = [term for term in printed.index if term in pooled.index]
    ols = printed.loc[kept, ["estimate", "se", "ci_low", "ci_high"]]
    ols.columns = pd.Index(["ols_estimate", "ols_se", "ols_low", "ols_high"])
    more = ["prob_positive", "mean_error", "prob_error", "between_share", "determined"]
    table = ols.join(pooled[[*_SUMMARY, *more]])
    table.attrs = {"interval": "eti", "prob": 0.95, "rope": None, "origin": ensemble.attrs["origin"]}
    return table


def marked(table: pd.DataFrame) -> pd.DataFrame:
    """The same with every term that the published table does not determine saying so in its name, for figures.

    Examples
    --------
    >>> table = pd.DataFrame({"determined": ["yes", NOT_DETERMINED]}, index=["a", "b"])
    >>> marked(table).index.tolist()
    ['a', 'b: not determined by the published table']
    """
    labels = [
        f"{term}: {NOT_DETERMINED}" if told == NOT_DETERMINED else str(term)
        for term, told in zip(table.index, table["determined"], strict=True)
    ]
    renamed = table.set_axis(pd.Index(labels, name=table.index.name))
    renamed.attrs = table.attrs
    return renamed


def summarise_types(posterior: xr.DataTree, variable: str) -> pd.DataFrame:
    """A quantity of each authority type, of one posterior or pooled over data sets."""
    draws = posterior["posterior"].to_dataset()[variable]
    if "dataset" in draws.dims:
        table = pool_datasets(draws)[[*_SUMMARY, "between_share", "determined"]]
    else:
        table = summarise_draws(draws)[_SUMMARY]
    own = "authority_type"
    table = table.assign(prob_positive=(draws > 0).mean([dim for dim in draws.dims if dim != own]).to_numpy())
    table.index = pd.Index(draws[own].to_numpy().astype(str), name=own)
    table.attrs = {"interval": "eti", "prob": 0.95, "origin": posterior.attrs.get("origin", "observed")}
    return table


def summarise_fit(
    posterior: xr.DataTree, ols: pd.DataFrame, *, effect: str | None = "target"
) -> pd.DataFrame:
    """Bayesian R² and the counterfactual of one fit, beside the R² of OLS."""
    shares, whole, nothing = r_squared(posterior), ols.attrs["r2"], float("nan")
    draws = {"R²": (shares["r2"], whole)}
    if effect is not None:
        changes, without = counterfactual_change(posterior), ols.attrs["r2_without_effect"]
        all_had = "mean change had all had the target, or one point more stretch"
        draws |= {
            "R² without target or stretch": (shares["without_effect"], without),
            "R² added": (shares["added"], whole - without),
            "mean change as things were": (changes["expected"], nothing),
            all_had: (changes["counterfactual"], nothing),
            "difference": (changes["difference"], nothing),
        }
    rows = {name: summarise_draws(values).iloc[0][_SUMMARY] for name, (values, _) in draws.items()}
    table = pd.DataFrame(rows).T.rename_axis("quantity")
    return table.assign(ols=[number for _, number in draws.values()])
