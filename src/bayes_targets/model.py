"""The description of a model, apart from any engine that computes its posterior."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import xarray as xr

from .errors import DataError, require_kind
from .provenance import sha256


class NotExactError(DataError):
    """These options or priors have no exact posterior; the message says which. NUTS samples every model."""


@dataclass(frozen=True, eq=False)
class Model:
    """A model, data and priors included, that an engine can turn into a posterior.

    A description holds no draws and no state: building it twice gives two independent models. Its functions are plain
    functions of the description. (`pymc.Model` is another thing: `to_pymc` makes one.)

    Parameters
    ----------
    name : str
        Name of the model, e.g. ``"published"``.
    data : xarray.Dataset
        What is known and observed; every dim is labelled; ``attrs["origin"]`` says where it comes from.
    priors : dataclass of priors
        One prior a parameter, such as `PublishedPriors`.
    options : mapping of str to object
        The choices that shaped the model (pooling, outcome), kept for the record.
    terms : tuple of str
        Posterior variables whose labels are the rows of a comparison table.
    observed : tuple of str
        Variables of `data` that are modelled (the rest is constant).
    variables : tuple of str
        Posterior variables that are kept.
    build : callable
        ``build(model)`` gives the `pymc.Model`.
    draw_prior : callable
        ``draw_prior(model, rng, size)`` gives prior draws as a Dataset with dim ``sample``, of what has a proper
        prior; None where nothing has.
    log_likelihood : callable
        ``log_likelihood(model, draws)`` gives the pointwise log likelihood as a Dataset.
    predict : callable
        ``predict(model, draws, rng)`` gives replicated data as a Dataset.
    exact : callable, optional
        ``exact(model, size, rng)`` gives independent posterior draws (every variable of `variables`, dim ``sample``) and
        the exact engine's statistics as Datasets, or raises `NotExactError`; None where no option has a closed form.
    particles : callable, optional
        ``particles(model, size, rng)`` gives draws of one population of sequential Monte Carlo (as ``exact`` does) and
        its statistics, ``exponent`` and ``acceptance`` among them; None where that engine has nothing to offer.
    conflict : callable, optional
        ``conflict(model)`` gives, by the label of each term, the distance of its estimate from the mean of its prior over
        the root of their summed variances; terms without a proper prior are left out. `fit` keeps it as JSON in
        ``attrs["prior_conflict"]``, and `diagnose` makes a note of it.

    Examples
    --------
    >>> import bayes_targets as bt, pandas as pd
    >>> table = pd.DataFrame({"term": ["target"], "estimate": [0.952], "se": [0.659]})
    >>> model = bt.published_model(table, priors=bt.PublishedPriors(effect=bt.Normal(0, 5)))
    >>> model.name, model.variables, model.data["estimate"].dims
    ('published', ('effect', 'standardised'), ('term',))
    """

    name: str
    data: xr.Dataset
    priors: Any
    options: Mapping[str, Any]
    terms: tuple[str, ...]
    observed: tuple[str, ...]
    variables: tuple[str, ...]
    build: Callable[[Model], Any]
    draw_prior: Callable[[Model, np.random.Generator, int], xr.Dataset | None]
    log_likelihood: Callable[[Model, xr.Dataset], xr.Dataset]
    predict: Callable[[Model, xr.Dataset, np.random.Generator], xr.Dataset]
    exact: Callable[[Model, int, np.random.Generator], tuple[xr.Dataset, xr.Dataset]] | None = None
    particles: Callable[[Model, int, np.random.Generator], tuple[xr.Dataset, xr.Dataset]] | None = None
    conflict: Callable[[Model], Mapping[str, float]] | None = None

    def to_pymc(self) -> Any:
        """A fresh, plain `pymc.Model` with labelled coords, to sample or to extend."""
        return self.build(self)


def draws_of(posterior: object, variables: Sequence[str], expected: str) -> xr.Dataset:
    """The draws of what `fit` gave, among which these variables must be."""
    tree = require_kind("posterior", posterior, xr.DataTree, expected)
    draws = tree["posterior"].to_dataset() if "posterior" in tree.children else xr.Dataset()
    for name in variables:
        if name not in draws:
            raise DataError(f"posterior: no variable {name!r}, expected {expected}")
    return draws


def require_fit_of(posterior: Any, name: str, maker: str) -> None:
    """Raise unless this is what `fit` gives for a model of that name, which `maker` describes."""
    found = posterior.attrs.get("model") if isinstance(posterior, xr.DataTree) else type(posterior).__name__
    if not isinstance(posterior, xr.DataTree) or found != name:
        raise DataError(f"posterior: found {found!r}, expected what fit gives for a {maker}")


def priors_of_kind(priors: Any, kind: type) -> Any:
    """The priors that were given, if they are of that kind; its defaults where none were."""
    if priors is not None and not isinstance(priors, kind):
        raise DataError(f"priors: found {type(priors).__name__}, expected {kind.__name__}")
    return kind() if priors is None else priors


def describe_priors(priors: Any) -> dict[str, str]:
    """The priors of one model, in words: field name to distribution."""
    return {field.name: str(getattr(priors, field.name)) for field in fields(priors)}


def data_hash(data: xr.Dataset) -> str:
    """Hash of what a model was given: names, labels and values, not attrs.

    Examples
    --------
    >>> a = xr.Dataset({"y": ("i", [1.0, 2.0])})
    >>> data_hash(a) == data_hash(a.copy()), data_hash(a) == data_hash(a + 1)
    (True, False)
    """
    parts = []
    for name in sorted(str(n) for n in data.variables):
        variable = data[name]
        values = variable.to_numpy()
        if values.dtype.kind in "OUST":
            payload = "\x1f".join(str(v) for v in values.ravel()).encode()
        else:
            payload = np.ascontiguousarray(values, dtype=np.float64).tobytes()
        parts += [f"{name}|{variable.dims}|{values.shape}|".encode(), payload]
    return sha256(b"".join(parts))
