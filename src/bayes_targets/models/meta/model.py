"""Several evaluations of one question as a model: random effects, moderators, groups, and selection of what is published."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ...errors import (
    DataError,
    did_you_mean,
    require_choice,
    require_kind,
    require_number,
    require_texts,
    shown,
)
from ...evaluation import Evaluation
from ...inference.distributions import NORMAL_DF
from ...model import Model
from ...priors import Prior, require_spread_prior
from .exact import solve_meta
from .graph import build
from .priors import MetaPriors, Steps, resolved
from .problem import SPREADS, Problem, arrays
from .simulate import draw_prior, log_likelihood, predict

FloatArray = NDArray[np.float64]
POOLINGS = ("partial", "none", "complete")
REGRESSIONS = ("pet", "peese")
# Estimates so near a cut (in standard errors) that rounding may put them on its other side.
_NEAR = 0.02


def meta_model(
    several: Evaluation,
    *,
    pooling: str = "partial",
    moderators: Sequence[str] = (),
    group: str | None = None,
    correlation: float | None = None,
    covariance: pd.DataFrame | FloatArray | None = None,
    selection: str | Steps | None = None,
    priors: MetaPriors | None = None,
) -> Model:
    r"""Several evaluations of one question, whose true effects differ.

    .. math:: y_i \sim N(\theta_i, s_i), \qquad \theta_i = \mu + x_i' \beta + u_{g(i)} + e_i, \qquad
              u_g \sim N(0, \tau), \quad e_i \sim N(0, \tau_w)

    Without `group` each study is its own, and :math:`\tau_w` is left out. Where a study's degrees of freedom are known and
    below 100 its likelihood is Student's t. A new evaluation, in a new place, has the effect ``new_effect``, drawn from the
    same distribution.

    With `selection` estimates are taken to be a choice of what was found. ``bt.Steps``: the probability of being
    published falls with the p-value, in steps (Vevea & Hedges 1995). ``"pet"`` and ``"peese"``: estimates rise with their
    standard error or its square, towards the favourable side; `mu` is what a study without error would find (Stanley &
    Doucouliagos 2014).

    Parameters
    ----------
    several : Evaluation
        From `read_evaluations`: `estimates` by study with ``estimate``, ``se`` and, where known, ``df``.
    pooling : {"partial", "none", "complete"}
        Effects from one distribution; effects that share nothing (each has the prior of `mu`); one effect for all.
    moderators : sequence of str
        Numeric columns of the estimates that the effect may depend on. They are centred and divided by their standard
        deviation inside, and reported per unit of the column.
    group : str, optional
        Column that says which estimates belong together (several of one study): effects then differ between
        groups and within them.
    correlation : float, optional
        Assumed correlation of the errors of estimates in the same group.
    covariance : pandas.DataFrame or array, optional
        Known covariance of the errors, instead of `several.covariance`.
    selection : {None, "pet", "peese"} or Steps
        How publication may depend on results. One-sided steps, PET and PEESE need ``better``.
    priors : MetaPriors, optional
        What is left out is taken from the evaluation: with `hoped`, ``mu ~ Normal(0, 5 * hoped)`` and
        ``tau ~ HalfNormal(2.5 * hoped)``; else with `n`, the unit-information standard deviation u for `mu` and a quarter of
        it for `tau`; else priors so wide on the table's own scale that they shrink nothing, under which evidences and
        Bayes factors are refused.

    Returns
    -------
    Model
        Posterior variables, on the table's own scale (logs for ratios): ``mu``, ``tau``, ``effect (study)``,
        ``new_effect``; ``coefficient (moderator)``, the change of the effect for one unit of the column; with `group`
        ``tau_within``; with steps ``weight (step)``, the probability of publication relative to the most significant results,
        in order of p; with PET or PEESE ``slope``. With moderators `mu` and `new_effect` are at their means.
        Parameters given as a point are constant. With ``pooling="none"`` there is only ``effect``.

    Raises
    ------
    DataError
        If an estimate, standard error, moderator or group is missing or out of range, or options exclude one another.

    References
    ----------
    Röver (2020), *Journal of Statistical Software* 93(6): random effects by quadrature. Vevea & Hedges (1995),
    *Psychometrika* 60, 419-435: selection by steps. Maier, Bartoš & Wagenmakers (2023), *Psychological Methods* 28, 107-122:
    their Bayesian form. Stanley & Doucouliagos (2014), *Research Synthesis Methods* 5, 60-78: PET and PEESE.

    Examples
    --------
    >>> import pandas as pd
    >>> import bayes_targets as bt
    >>> table = pd.DataFrame({"estimate": [0.10, 0.30, 0.35], "se": [0.10, 0.15, 0.20]},
    ...                      index=pd.Index(["Leeds", "York", "Hull"], name="study"))
    >>> several = bt.Evaluation(estimates=table, printed=table.astype(str), better="higher", hoped=0.2)
    >>> model = bt.meta_model(several)
    >>> str(model.priors.mu), str(model.priors.tau)
    ('Normal(0, 1)', 'HalfNormal(0.5)')
    >>> posterior = bt.fit(model, seed=1, progress=False)
    >>> round(float(posterior["posterior"]["mu"].mean()), 2)
    0.21
    """
    require_choice("pooling", pooling, POOLINGS)
    if priors is not None and not isinstance(priors, MetaPriors):
        raise DataError(f"priors is {shown(priors)}, expected MetaPriors")
    if group is not None and not isinstance(group, str):
        raise DataError(f"group is {shown(group)}, expected the name of a column")
    frame = _checked(several)
    names = require_texts("moderators", moderators)
    _check_options(several, pooling, names, group, correlation, selection)
    steps = selection if isinstance(selection, Steps) else None
    codes = None if group is None else _groups(several, group)
    matrix = _covariance(several, frame, covariance, correlation, codes)
    filled, sources = resolved(
        priors,
        hoped=several.hoped,
        n=several.n,
        estimate=frame["estimate"].to_numpy(),
        se=frame["se"].to_numpy(),
        selection=selection,
    )
    _check_priors(filled, pooling, len(frame), len(names), steps)
    if steps is not None and matrix is not None:
        raise DataError(
            "selection by steps takes errors as independent of one another, expected no covariance and no correlation with it "
            "(group= lets estimates of a study share an effect; 'pet' and 'peese' take a covariance)"
        )
    data = _dataset(several, frame, names, codes, matrix, steps)
    options = {
        "pooling": pooling,
        "selection": "steps" if steps is not None else selection or "none",
        "side": steps.side if steps is not None else "",
        "better": several.better or "",
        "ratio": several.ratio or "",
        "prior_source": json.dumps(sources),
    }
    problem = arrays(data, filled, options)
    kept = _variables(problem)
    notes = [*_data_notes(several, problem), *_selection_notes(problem, data)]
    return Model(
        name="meta",
        data=data,
        priors=filled,
        options=options | {"points": json.dumps(_points(problem, kept)), "notes": "\n".join(notes)},
        terms=("effect",),
        observed=("estimate",),
        variables=kept,
        build=build,
        draw_prior=draw_prior,
        log_likelihood=log_likelihood,
        predict=predict,
        exact=solve_meta,
    )


def notes_of(model: Model) -> list[str]:
    """What a reader must know of a model's data, a sentence each."""
    return [note for note in model.options["notes"].split("\n") if note]


def _dataset(
    several: Evaluation,
    frame: pd.DataFrame,
    names: tuple[str, ...],
    codes: NDArray[np.int_] | None,
    matrix: FloatArray | None,
    steps: Steps | None,
) -> xr.Dataset:
    """What the model is of, labelled."""
    studies = frame.index.to_numpy(dtype=str)
    # With a covariance the likelihood is normal.
    df = _degrees(several) if matrix is None else np.full(len(frame), np.inf)
    data = xr.Dataset(
        {"estimate": ("study", frame["estimate"]), "se": ("study", frame["se"]), "df": ("study", df)},
        coords={"study": studies},
        attrs={"origin": several.source},
    )
    if names:
        data = data.assign(moderators=(("study", "moderator"), _moderators(several, names)))
        data = data.assign_coords(moderator=list(names))
    if codes is not None:
        data = data.assign(group=("study", codes))
    if matrix is not None:
        data = data.assign(covariance=(("study", "other_study"), matrix)).assign_coords(other_study=studies)
    if steps is not None:
        data = data.assign(cut=("step", np.array(steps.cuts))).assign_coords(step=steps.labels)
    return data


def _variables(problem: Problem) -> tuple[str, ...]:
    """Posterior variables that are kept."""
    if problem.pooling == "none":
        return ("effect",)
    more = {
        "coefficient": problem.columns.shape[1] > 0,
        "tau_within": problem.group is not None,
        "weight": problem.bounds is not None,
        "slope": problem.bias is not None,
    }
    return ("mu", "tau", "effect", "new_effect", *(name for name, there in more.items() if there))


def _points(problem: Problem, kept: tuple[str, ...]) -> list[str]:
    """Posterior variables that are one number."""
    if problem.pooling == "none":
        return []
    fixed = {name: problem.point(name) is not None for name in ("mu", *SPREADS)}
    fixed["weight"] = problem.fixed_weights is not None
    # A positive spread that is given makes effects vary all the same.
    fixed["new_effect"] = fixed["mu"] and all(problem.point(name) == 0.0 for name in SPREADS)
    fixed["effect"] = fixed["new_effect"] and not problem.columns.shape[1]
    return [name for name in kept if fixed.get(name)]


def _data_notes(several: Evaluation, problem: Problem) -> list[str]:
    """Groups and degrees of freedom that are not used, and too few studies for a spread."""
    notes, table = [], several.estimates
    if problem.group is None and "group" in table and table["group"].duplicated().any():
        notes.append(
            "Several estimates share a group, and are treated as independent: give group='group' to let them share an effect."
        )
    if problem.covariance is not None and (_degrees(several) < NORMAL_DF).any():
        notes.append(
            "With a covariance of the errors the likelihood is normal, whatever the degrees of freedom."
        )
    if problem.pooling == "partial" and problem.y.size < 3 and problem.point("tau") is None:
        count = "One study says" if problem.y.size == 1 else "Two studies say"
        notes.append(
            f"{count} next to nothing of how much effects differ: the posterior of tau is little more than its prior."
        )
    return notes


def _selection_notes(problem: Problem, data: xr.Dataset) -> list[str]:
    """Estimates next to a cut, and bins without an estimate."""
    if problem.bounds is None:
        return []
    out, studies, labels = [], data["study"].to_numpy(), data["step"].to_numpy()
    distance = np.abs(problem.seen(problem.y)[:, None] - problem.bounds) / problem.se[:, None]
    near = (distance < _NEAR).any(axis=1)
    if near.any():
        named = ", ".join(studies[near][:5])
        out.append(
            f"Rounding may put {named} on the other side of a cut of the p-value, which can change the evidence: take the "
            "p-value that the source states."
        )
    if problem.fixed_weights is not None:
        return out
    empty = np.bincount(problem.bin, minlength=problem.bins) == 0
    if empty[0]:
        out.append(
            f"No estimate has p < {data['cut'].to_numpy()[0]:g}: the weights are relative to results of which none was found."
        )
    return out + [
        f"No estimate has {label}: the weight of publication there is little more than its prior."
        for label in labels[empty[1:]]
    ]


def _named(index: pd.Index[Any], chosen: Any) -> str:
    """The first labels of those chosen, for a message."""
    return ", ".join(map(repr, index[chosen][:5].astype(str)))


def _checked(several: Evaluation) -> pd.DataFrame:
    """Estimate and standard error of every study, as finite numbers."""
    require_kind("meta_model", several, Evaluation, "an Evaluation")
    frame = several.estimates
    for column in ("estimate", "se"):
        if column not in frame.columns:
            raise DataError(f"{several.source}: no column {column!r}, expected estimate and se")
    if frame.empty:
        raise DataError(f"{several.source}: no study, expected at least one")
    if frame.index.has_duplicates:
        twice = frame.index[frame.index.duplicated()][0]
        raise DataError(f"{several.source}: study {twice!r} stands twice, expected each name once")
    values: pd.DataFrame = frame[["estimate", "se"]].apply(pd.to_numeric, errors="coerce").astype(float)
    bad = ~np.isfinite(values).all(axis=1) | (values["se"] <= 0)
    if bad.any():
        raise DataError(
            f"{several.source}: {_named(values.index, bad)}: estimate or standard error missing or not above 0, expected both of "
            "every study (a bound such as 'p < .001' gives none)"
        )
    values.index = values.index.astype(str).rename("study")
    return values


def _check_options(
    several: Evaluation,
    pooling: str,
    names: tuple[str, ...],
    group: str | None,
    correlation: float | None,
    selection: Any,
) -> None:
    regression = isinstance(selection, str) and selection in REGRESSIONS
    if not (selection is None or isinstance(selection, Steps) or regression):
        raise DataError(
            f"selection is {shown(selection)}, expected None, 'pet', 'peese' or bt.Steps((0.025,), side='one')"
        )
    if (regression or (isinstance(selection, Steps) and selection.side == "one")) and several.better is None:
        raise DataError(
            "selection: which direction is favourable is not known, expected better='higher' or 'lower'"
        )
    if pooling == "none" and (names or group or selection is not None):
        raise DataError("pooling 'none' excludes moderators, group and selection: effects share nothing")
    if correlation is not None:
        if group is None:
            raise DataError(
                "correlation: expected group= too, the column that says which estimates belong together"
            )
        require_number(
            "correlation", correlation, above=-1e-300, below=1.0, expected="0 or more and less than 1"
        )
    for column in [*names, *([group] if group is not None else [])]:
        if column not in several.estimates.columns:
            hint = did_you_mean(column, [str(name) for name in several.estimates.columns])
            raise DataError(f"{several.source}: no column {column!r}; {hint}")


def _check_priors(
    priors: MetaPriors, pooling: str, studies: int, moderators: int, steps: Steps | None
) -> None:
    if steps is not None and isinstance(priors.weight, tuple) and len(priors.weight) != len(steps.cuts):
        raise DataError(
            f"priors, weight: {len(priors.weight)} weights, expected one for each of {len(steps.cuts)} bins after the most "
            f"significant one ({', '.join(steps.labels)})"
        )
    flat = int(isinstance(priors.mu, Prior) and not priors.mu.proper)
    if flat and steps is not None:
        raise DataError(
            f"priors, mu: {priors.mu} has no proper posterior under selection by steps, expected a proper prior"
        )
    flat += moderators if priors.coefficient is not None and not priors.coefficient.proper else 0
    for name in SPREADS:
        prior = getattr(priors, name)
        if pooling == "partial" and isinstance(prior, Prior):
            require_spread_prior(name, prior, studies, flat)


def _degrees(several: Evaluation) -> FloatArray:
    """Degrees of freedom of every estimate, infinite where they are not known."""
    default = math.inf if several.df is None else several.df
    own = several.estimates.get("df", pd.Series(math.nan, index=several.estimates.index))
    df = own.to_numpy(float, na_value=default)
    if (df <= 0).any():
        raise DataError(f"{several.source}, column 'df': found {df.min():g}, expected more than 0")
    return np.asarray(df)


def _moderators(several: Evaluation, names: tuple[str, ...]) -> FloatArray:
    numbers = several.estimates[list(names)].apply(pd.to_numeric, errors="coerce")
    matrix: FloatArray = numbers.to_numpy(float)
    for name, values in zip(names, matrix.T, strict=True):
        known = np.isfinite(values)
        if not known.all():
            raise DataError(
                f"{several.source}, column {name!r}: no number for {_named(several.estimates.index, ~known)}, expected one for every "
                "study"
            )
        if np.ptp(values) == 0:
            raise DataError(
                f"{several.source}, column {name!r}: {values[0]:g} for every study, expected it to vary"
            )
    centred = np.column_stack([np.ones(len(matrix)), (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)])
    if np.linalg.matrix_rank(centred) < centred.shape[1]:
        raise DataError(
            f"{several.source}: moderators {', '.join(names)} and the mean cannot be told apart with {len(matrix)} studies, "
            "expected more studies or fewer moderators"
        )
    return matrix


def _groups(several: Evaluation, group: str) -> NDArray[np.int_]:
    values = several.estimates[group]
    if values.isna().any():
        raise DataError(
            f"{several.source}, column {group!r}: nothing for {_named(values.index, values.isna())}, expected a group for every study"
        )
    return np.asarray(pd.factorize(values.astype(str))[0], dtype=int)


def _covariance(
    several: Evaluation,
    frame: pd.DataFrame,
    given: pd.DataFrame | FloatArray | None,
    correlation: float | None,
    codes: NDArray[np.int_] | None,
) -> FloatArray | None:
    """Covariance of the errors where it is not diagonal."""
    given, se = several.covariance if given is None else given, frame["se"].to_numpy()
    if given is not None:
        if correlation is not None:
            raise DataError("correlation and covariance are both given, expected one of them")
        matrix = checked_covariance(given, frame["se"], several.source)
        return None if np.array_equal(matrix, np.diag(np.diag(matrix))) else matrix
    if not correlation or codes is None:
        return None
    share = np.where(codes[:, None] == codes, correlation, 0.0)
    np.fill_diagonal(share, 1.0)
    return np.asarray(share * np.outer(se, se))


def checked_covariance(given: pd.DataFrame | FloatArray, se: pd.Series[float], source: str) -> FloatArray:
    """A covariance of estimates, in the order of their standard errors, which are labelled."""
    labels, errors = [str(label) for label in se.index], se.to_numpy()
    what = f"{source}, covariance"
    if isinstance(given, pd.DataFrame):
        own = given.rename(index=str, columns=str)
        missing = [label for label in labels if label not in own.index or label not in own.columns]
        if missing:
            raise DataError(f"{what}: nothing for {', '.join(map(repr, missing[:5]))}")
        given = own.loc[labels, labels].to_numpy(float)
    try:
        matrix = np.asarray(given, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{what} is {shown(given)}, expected a square of numbers") from None
    if matrix.shape != (errors.size, errors.size) or not np.isfinite(matrix).all():
        raise DataError(
            f"{what}: found shape {matrix.shape}, expected {errors.size} by {errors.size} finite numbers"
        )
    if not np.allclose(matrix, matrix.T, rtol=1e-6):
        raise DataError(f"{what}: not the same below the diagonal as above it")
    off = np.abs(np.diag(matrix) / errors**2 - 1)
    if off.max() > 0.02:
        k = int(off.argmax())
        raise DataError(
            f"{what} of {labels[k]!r}: {matrix[k, k]:g}, expected the square of its standard error, {errors[k] ** 2:g}"
        )
    if np.linalg.eigvalsh(matrix / np.outer(errors, errors))[0] < 1e-10:
        raise DataError(f"{what}: singular, expected estimates none of which follows from the others")
    return matrix
