"""The ensemble of reconstructed authorities, with real covariates where a user has them, and its pooled posteriors."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...errors import (
    DataError,
    did_you_mean,
    require_choice,
    require_count,
    require_kind,
    require_number,
    wrong_cell,
)
from ...inference.summary import equal_tails
from ...readers.cells import Problems, read_numbers
from ...readers.dataset import authority_dataset, dependent_columns
from ...readers.package import Study
from .columns import Given, make_columns
from .publication import EFFECTS, FloatArray, Publication, Regression, read_publication
from .search import Task, find_world
from .statistics import Goals, make_goals
from .world import World

_FRAME = "covariates"


def no_covariates(publication: Publication) -> Given:
    """Nameless authorities, type by type in the order of the table of types."""
    digits = len(str(publication.n))
    names = tuple(f"reconstructed {i:0{digits}d}" for i in range(1, publication.n + 1))
    kind = np.repeat(np.arange(len(publication.types)), list(publication.types.values()))
    return Given(names, kind, {})


def read_covariates(publication: Publication, covariates: pd.DataFrame) -> Given:
    """Check a user's covariates and bring them to the scale of the regressions."""
    if not isinstance(covariates, pd.DataFrame):
        raise DataError(f"{_FRAME}: found {type(covariates).__name__}, expected a DataFrame")
    for column in ("authority", "authority_type"):
        if column not in covariates:
            hint = did_you_mean(column, [str(name) for name in covariates.columns])
            raise DataError(f"{_FRAME}: no column {column!r}; {hint}")
    if len(covariates) != publication.n:
        raise DataError(
            f"{_FRAME}: found {len(covariates)} rows, expected {publication.n}, one for each authority of the study"
        )
    names = [str(name) for name in covariates["authority"]]
    for row, name in enumerate(names, 1):
        if name in names[: row - 1]:
            raise wrong_cell(_FRAME, row, "authority", name, "each authority once")
    controls = {}
    for column in covariates.columns:
        if column not in ("authority", "authority_type"):
            term, logged = _term(publication, str(column))
            if term in controls:
                raise DataError(f"{_FRAME}, column {column!r}: {term!r} is given twice")
            controls[term] = _numbers(publication, covariates[column], term, logged)
    given = Given(tuple(names), _kinds(publication, covariates["authority_type"]), controls)
    _check_rank(publication, given)
    return given


def _term(publication: Publication, column: str) -> tuple[str, bool]:
    """The control that a column is, and whether its logarithm has to be taken."""
    if column in publication.controls:
        return column, False
    for term, described in publication.measured.items():
        if described.name == column:
            return term, described.logged
    known = [*publication.controls, *(d.name for d in publication.measured.values())]
    raise DataError(f"{_FRAME}: column {column!r} is no control of the study; {did_you_mean(column, known)}")


def _kinds(publication: Publication, column: pd.Series) -> np.ndarray:
    types = list(publication.types)
    for row, name in enumerate(column, 1):
        if name not in types:
            expected = f"one of the study's types; {did_you_mean(str(name), types)}"
            raise wrong_cell(_FRAME, row, "authority_type", name, expected)
    absent = [name for name in types if name not in set(column)]
    if absent:
        raise DataError(f"{_FRAME}, column 'authority_type': no authority is a {absent[0]}")
    return np.array([types.index(name) for name in column])


def _numbers(publication: Publication, column: pd.Series, term: str, logged: bool) -> FloatArray:
    binary = term in publication.binary
    expected = "0 or 1" if binary else "a number above 0" if logged else "a number"
    numbers = read_numbers(column, str(column.name), Problems(_FRAME)).values
    wrong = ~np.isfinite(numbers)
    if binary:
        wrong |= ~np.isin(numbers, (0.0, 1.0))
    elif logged:
        wrong |= numbers <= 0
    if wrong.any():
        row = int(np.argmax(wrong))
        raise wrong_cell(_FRAME, row + 1, str(column.name), column.iloc[row], expected)
    return np.asarray(np.log(numbers) if logged else numbers)


def _check_rank(publication: Publication, given: Given) -> None:
    types = list(publication.types)
    dummies = {t: (given.kind == types.index(t)).astype(float) for t in publication.contrasts}
    for name, others in dependent_columns(pd.DataFrame(dummies | dict(given.controls))).items():
        made_of = f"a linear combination of {', '.join(others)}" if others else "constant"
        raise DataError(f"{_FRAME}: control {name!r} is {made_of}; leave it out and it is simulated")


STANDARD_ERRORS = "HC1"


def reconstruct(
    study: Study,
    *,
    model: Literal["target", "stretch"] = "target",
    n_datasets: int = 50,
    seed: int | None = None,
    covariates: pd.DataFrame | None = None,
    tolerance: float = 0.0,
    concentration: float = 2.0,
) -> xr.Dataset:
    """Build authority-level data sets that agree with everything a publication prints.

    Parameters
    ----------
    study : Study
        With tables ``descriptives``, ``ols``, ``ols_fit`` and ``authority_types``, e.g.
        ``load_study("andrews2014")``.
    model : {"target", "stretch"}, default "target"
        The regression that the data sets are wanted for. Without covariates one seed gives the same authorities for
        both, since both regressions are of one study.
    n_datasets : int, default 50
        Number of data sets. Data set i is the same however many there are.
    seed : int, optional
        Seed of the random numbers; drawn, and told in the attrs, by default.
    covariates : DataFrame, optional
        Real authorities: ``authority``, ``authority_type`` and any of the controls (named as in the regressions, or
        as in the table of descriptive statistics, which is unlogged). Those columns are kept as they are and the rest is simulated around
        them. Then only the slopes and R² of `model`, the scores, and the moments of simulated columns are made
        to agree; what hangs on the real columns is left as it comes, and `reconstruction_table` reports it.
    tolerance : float, default 0
        Relative departure allowed to robust standard errors and F beyond their rounding. At 0 they print as
        published.
    concentration : float, default 2
        Of the LKJ prior on correlations, 1 being uniform and larger values being nearer to none.

    Returns
    -------
    xarray.Dataset
        Dims ``dataset``, ``authority``, ``control``; coords ``authority``, ``authority_type`` (on dim
        ``authority``), ``control`` (terms of the regressions); variables ``baseline``, ``outcome`` (%),
        ``change`` (% of the baseline score), ``target`` (0 or 1), ``stretch`` (points; 0 without a target, NaN
        where it is not known), each ``(dataset, authority)``, and ``controls`` ``(dataset, authority,
        control)`` on the scale of the regressions. Attrs: ``origin = "reconstructed"``, ``model``, ``n_used``
        (authorities that the model's regression uses), ``n_missing_stretch``, ``enforced``, ``seed``, every
        other setting, and ``notes`` with all assumptions.

    Raises
    ------
    DataError
        If a table contradicts itself, if the covariates cannot be used, or if no data set with the printed
        statistics was found; the message names the statistic.

    Notes
    -----
    In every data set: N, the number with a target, with a known stretch and of each type; mean, s.d., minimum and
    maximum of every described variable (unlogged, while `controls` holds logarithms where the regressions use them);
    ``change = 100 (outcome - baseline) / baseline``; and OLS of all printed regressions at once, on all authorities or
    those with known stretch: slopes, constants, R², HC1 standard errors and F, each to the printed rounding. The
    descriptive statistics are taken to be of all authorities, those of the stretch of all where it is known.

    What is not printed is drawn from this prior and varies over the ensemble:

    - correlations of controls, baseline, reasons for a target and stretch: LKJ(2), given the known correlations
      of the type dummies, weighted by the variance inflation that the printed standard errors imply;
    - measured variables: logit-normal between their printed ends, with the printed mean and s.d.;
    - who has the target, and stretch: in part from the shifts just told, else at random; which targets lack a
      known stretch: at random;
    - the largest and the smallest stretch: the authorities that the text names as having the toughest and the
      easiest targets (table ``extreme_targets``), by name among the covariates, or any authorities of their
      types where the table has a column ``authority_type``; else anyone;
    - residuals: Student-t with 1/nu uniform on 0 to 1/4, and slopes of the effect that differ by type with a
      half-normal s.d. of half the slope (or half its standard error, if larger).

    A draw is then moved, in units of those distributions, as little as brings its statistics to a random point of
    their rounding ranges (damped Gauss-Newton with analytic derivatives), and its residuals are drawn afresh
    three times under the regressions. The ensemble is thus the prior projected on the printed table, a close
    relative of a posterior and not exactly one.

    Where the printed slope of the target is close to 0 (under a tenth of its standard error) the search may end in a
    `DataError` though data exist: the shift of the other slopes tells next to nothing in its last digits.

    Examples
    --------
    >>> from bayes_targets.readers.package import load_study
    >>> authorities = reconstruct(load_study("andrews2014"), model="stretch", n_datasets=1, seed=1)
    >>> dict(authorities.sizes)
    {'dataset': 1, 'authority': 150, 'control': 8}
    >>> int(authorities["target"].sum()), int(authorities["stretch"].notnull().sum()), authorities.attrs["origin"]
    (86, 131, 'reconstructed')
    """
    require_choice("model", model, EFFECTS)
    require_count("n_datasets", n_datasets)
    if seed is not None:
        require_count("seed", seed, 0)
    share = "a share of 0 or more, below 1"
    require_number("tolerance", tolerance, above=-1e-300, below=1.0, expected=share)
    require_number("concentration", concentration, above=0.0)
    publication = read_publication(study)
    wanted = publication.regression(model)
    if wanted is None:
        raise DataError(f"study {study.name!r} prints no regression with the {model}")
    given = no_covariates(publication) if covariates is None else read_covariates(publication, covariates)
    columns = make_columns(publication)
    goals = make_goals(publication, columns, tolerance)
    task = Task(
        publication=publication,
        columns=columns,
        given=given,
        goals=goals,
        enforced=_enforced(publication, goals, given, wanted),
        main=publication.regression("stretch") or wanted,
        concentration=concentration,
    )
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    children = np.random.SeedSequence(seed).spawn(n_datasets)
    settings = {
        "model": model,
        "n_used": wanted.n,
        "n_datasets": n_datasets,
        "seed": seed,
        "tolerance": tolerance,
        "concentration": concentration,
        "standard_errors": STANDARD_ERRORS,
        "covariates": [] if covariates is None else [str(name) for name in covariates.columns],
        "enforced": _enforced_in_words(task),
        "study": study.name,
    }
    datasets = [_label(task, find_world(task, child), settings) for child in children]
    ensemble = xr.concat(
        datasets,
        dim="dataset",
        data_vars="all",
        coords="minimal",
        compat="override",
        join="exact",
        combine_attrs="override",
    )
    return ensemble.assign_coords(dataset=np.arange(n_datasets))


def _enforced(publication: Publication, goals: Goals, given: Given, wanted: Regression) -> np.ndarray:
    """All statistics; beside real covariates only those that can be had whatever the covariates are."""
    counts = np.bincount(given.kind, minlength=len(publication.types))
    if not given.controls and counts.tolist() == list(publication.types.values()):
        return np.ones(len(goals), dtype=bool)
    kinds, models = np.array(goals.kinds), np.array(goals.models, dtype=object)
    simulated = np.isin(kinds, ("mean", "sd")) & ~np.isin(goals.terms, list(given.controls))
    return np.asarray(simulated | (np.isin(kinds, ("slope", "r2")) & (models == wanted.model)))


def _enforced_in_words(task: Task) -> str:
    if task.enforced.all():
        models = ", ".join(str(r.model) for r in task.publication.regressions)
        return (
            "every printed number of the descriptive statistics and of the regressions (models "
            f"{models}): slopes, constants, R², robust standard errors, F"
        )
    return "slopes and R² of the model, the scores, and mean and s.d. of the simulated variables"


def _label(task: Task, world: World, settings: dict[str, Any]) -> xr.Dataset:
    publication, given = task.publication, task.given
    types = list(publication.types)
    variables = {
        "baseline": world.of("baseline"),
        "outcome": world.of("outcome"),
        "change": world.observed_change,
        "target": world.of("target"),
    }
    if publication.stretch is not None:
        variables["stretch"] = np.where(world.known, world.of("stretch"), np.nan)
    controls = {term: world.of(term) for term in publication.controls}
    dataset = authority_dataset(
        given.authority,
        [types[i] for i in given.kind],
        variables,
        controls=controls,
        types=types,
        origin="reconstructed",
        source=publication.citation,
        notes=_notes(task),
    )
    dataset.attrs |= {**settings, "reference": publication.reference, "change": "percent"}
    return dataset


def _notes(task: Task) -> list[str]:
    publication = task.publication
    notes = [
        "Reconstructed, not observed: authorities that agree with the published table; what is not printed was drawn.",
        f"The descriptive statistics are taken to be of all {publication.n} authorities.",
        f"Robust standard errors are taken to be {STANDARD_ERRORS}; the publication does not say which.",
    ]
    missing = publication.n - publication.n_known
    if publication.stretch is not None:
        notes.append(
            f"The descriptive statistics of stretch are taken to be of the {publication.n_known} authorities where it "
            f"is known, 0 without a target; the {missing} others have a target and were chosen at random."
        )
    if task.given.controls:
        notes.append(f"Kept as given, not simulated: {', '.join(task.given.controls)}.")
    return notes


NOT_DETERMINED = "not determined by the published table"
DETERMINED = "determined by the published table"


def pool_datasets(draws: xr.DataArray, *, prob: float = 0.95) -> pd.DataFrame:
    """Pool the posterior draws of several data sets, and split the variance within and between them.

    Parameters
    ----------
    draws : xarray.DataArray
        Dims ``dataset``, ``chain``, ``draw``, and any others (an estimand for each of their labels). Its name
        is the estimand's.
    prob : float, default 0.95
        Probability of the equal-tailed interval.

    Returns
    -------
    DataFrame
        Indexed by ``term`` (``name`` or ``name[label]``): ``mean``, ``sd``, ``low``, ``high`` of the pooled draws;
        ``within`` (mean posterior variance of a data set), ``between`` (variance of the posterior means, in the
        units of `within`), ``between_share``, ``mean_error`` (standard error of the mean, over so few data sets) and
        ``determined``, which says "not determined by the published table" where the between share exceeds one half.
        Attrs: ``interval = "eti"``, ``prob``, ``n_datasets``.

    Raises
    ------
    DataError
        If a dim is missing, there are fewer than two data sets, or a draw is not finite.

    Notes
    -----
    Law of total variance, for M data sets with means m_i and variances v_i: ``within = mean(v_i)``,
    ``between = (1 + 1/M) sum((m_i - m)^2) / (M - 1)``, the first factor because the mean of M data sets is itself
    uncertain (Rubin, 1987); ``sd^2 = within + between``. The interval is of the pooled draws with each data set's
    mean moved from m by the factor that gives them this variance, so that it covers the finite ensemble too.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> means = rng.normal(0, 2, size=(40, 1, 1))
    >>> draws = xr.DataArray(means + rng.normal(size=(40, 2, 500)), dims=("dataset", "chain", "draw"), name="slope")
    >>> table = pool_datasets(draws)
    >>> table["determined"].tolist(), table.loc["slope", "between_share"].round(1).item()
    (['not determined by the published table'], 0.8)
    """
    require_kind("draws", draws, xr.DataArray, "draws with dims dataset, chain and draw")
    for dim in ("dataset", "chain", "draw"):
        if dim not in draws.dims:
            raise DataError(f"draws: no dim {dim!r}, expected dataset, chain and draw; found {draws.dims}")
    if draws.sizes["dataset"] < 2:
        raise DataError(f"draws: found {draws.sizes['dataset']} data set, expected two or more to pool")
    if not bool(np.isfinite(draws).all()):
        raise DataError("draws: found a draw that is not finite, expected numbers")
    name = str(draws.name) if draws.name is not None else "estimand"
    rest = [dim for dim in draws.dims if dim not in ("dataset", "chain", "draw")]
    m, size = draws.sizes["dataset"], draws.sizes["chain"] * draws.sizes["draw"]
    cells = draws.transpose(*rest, "dataset", "chain", "draw").to_numpy().reshape(-1, m, size)
    means = cells.mean(axis=2)
    centre = means.mean(axis=1, keepdims=True)
    within = cells.var(axis=2, ddof=min(size - 1, 1)).mean(axis=1)
    between = (1 + 1 / m) * means.var(axis=1, ddof=1)
    # The pooled draws' own between variance is that of M points, sum / M; widen it to the corrected one.
    widened = centre + (means - centre) * np.sqrt((1 + 1 / m) * m / (m - 1))
    moved = cells - means[:, :, None] + widened[:, :, None]
    low, high = equal_tails(moved.reshape(len(cells), -1), prob, axis=1)
    total = within + between
    share = np.divide(between, total, out=np.zeros_like(total), where=total > 0)
    labels = itertools.product(*([str(value) for value in draws[dim].values] for dim in rest))
    columns = {
        "mean": centre[:, 0],
        "sd": np.sqrt(total),
        "low": low,
        "high": high,
        "within": within,
        "between": between,
        "between_share": share,
        "mean_error": means.std(axis=1, ddof=1) / np.sqrt(m),
        "determined": np.where(share > 0.5, NOT_DETERMINED, DETERMINED),
    }
    index = [f"{name}[{', '.join(label)}]" if label else name for label in labels]
    table = pd.DataFrame(columns, index=pd.Index(index, name="term"))
    table.attrs = {"interval": "eti", "prob": prob, "n_datasets": m}
    return table
