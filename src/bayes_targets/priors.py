"""Prior distributions: small frozen values that every engine reads.

Each knows its log density (for exact integration), how to draw from itself, and its PyMC counterpart.
They are plain parameters: two with the same numbers are equal and print the way they are written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DataError, require_number

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)
# Why no evidence is given of a model whose prior is wide by default, or improper.
NO_EVIDENCE = (
    "the prior is so wide, or improper, that evidences and Bayes factors would say how wide it is and nothing else; give hoped (the "
    "effect that was hoped for), n (the number of cases), or priors"
)


@dataclass(frozen=True)
class Prior:
    """What all priors share; not used by itself."""

    # Whether the density integrates to one, so that it can be drawn from.
    proper: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for field in fields(self):
            name = f"{type(self).__name__}: {field.name}"
            value = require_number(name, getattr(self, field.name))
            if field.name != "mu":
                require_number(name, value, above=0.0, expected="more than 0")
            object.__setattr__(self, field.name, value)

    def __str__(self) -> str:
        numbers = ", ".join(f"{getattr(self, field.name):g}" for field in fields(self))
        return f"{type(self).__name__}({numbers})"

    @property
    def support(self) -> str:
        """What it is a distribution of: ``"real"`` numbers, ``"positive"`` ones, or a ``"share"`` from 0 to 1."""
        if self.logpdf(-1.0) > -np.inf:
            return "real"
        return "positive" if self.logpdf(2.0) > -np.inf else "share"

    def logpdf(self, x: ArrayLike) -> FloatArray:
        """Log density at `x`, elementwise; minus infinity outside the support."""
        raise TypeError(f"{type(self).__name__} has no density")

    def draw(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
        """Independent draws of shape `size`."""
        raise TypeError(f"{type(self).__name__} cannot be drawn from")

    def to_pymc(self, name: str, dims: str | Sequence[str] | None = None) -> Any:
        """The same distribution as a random variable of the PyMC model being built, where both have one name."""
        import pymc as pm

        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return getattr(pm, type(self).__name__)(name, **given, dims=dims)


@dataclass(frozen=True)
class Normal(Prior):
    """Normal distribution with mean `mu` and standard deviation `sigma`.

    Examples
    --------
    >>> print(Normal(0, 5), round(float(Normal(0, 5).logpdf(0.0)), 4))
    Normal(0, 5) -2.5284
    """

    mu: float
    sigma: float

    def logpdf(self, x: ArrayLike) -> FloatArray:
        z = (np.asarray(x, dtype=float) - self.mu) / self.sigma
        return np.asarray(-0.5 * z * z - 0.5 * _LOG_2_PI - math.log(self.sigma))

    def draw(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
        return rng.normal(self.mu, self.sigma, size)


@dataclass(frozen=True)
class StudentT(Prior):
    """Student-t distribution with `nu` degrees of freedom, location `mu` and scale `sigma`.

    Examples
    --------
    >>> print(StudentT(3, 0, 2.5))
    StudentT(3, 0, 2.5)
    """

    nu: float
    mu: float
    sigma: float

    def logpdf(self, x: ArrayLike) -> FloatArray:
        z = (np.asarray(x, dtype=float) - self.mu) / self.sigma
        return _log_student_t(z, self.nu) - math.log(self.sigma)

    def draw(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
        return self.mu + self.sigma * rng.standard_t(self.nu, size)


@dataclass(frozen=True)
class HalfNormal(Prior):
    """Normal distribution with mean 0 and standard deviation `sigma`, folded at 0.

    Examples
    --------
    >>> bool(HalfNormal(2).logpdf(-1.0) == -np.inf)
    True
    """

    sigma: float

    def logpdf(self, x: ArrayLike) -> FloatArray:
        return _folded(x, math.log(2.0) + Normal(0.0, self.sigma).logpdf(x))

    def draw(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
        return np.abs(rng.normal(0.0, self.sigma, size))


@dataclass(frozen=True)
class HalfStudentT(Prior):
    """Student-t distribution with `nu` degrees of freedom and scale `sigma`, folded at 0.

    Examples
    --------
    >>> print(HalfStudentT(3, 2))
    HalfStudentT(3, 2)
    """

    nu: float
    sigma: float

    def logpdf(self, x: ArrayLike) -> FloatArray:
        return _folded(x, math.log(2.0) + StudentT(self.nu, 0.0, self.sigma).logpdf(x))

    def draw(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
        return np.abs(self.sigma * rng.standard_t(self.nu, size))


@dataclass(frozen=True)
class HalfCauchy(Prior):
    """Cauchy distribution with scale `beta`, folded at 0.

    Examples
    --------
    >>> round(float(np.exp(HalfCauchy(5).logpdf(0.0))), 4)  # 2 / (5 pi)
    0.1273
    """

    beta: float

    def logpdf(self, x: ArrayLike) -> FloatArray:
        return _folded(x, math.log(2.0) + StudentT(1.0, 0.0, self.beta).logpdf(x))

    def draw(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
        return np.abs(self.beta * rng.standard_cauchy(size))


@dataclass(frozen=True)
class Exponential(Prior):
    """Exponential distribution with rate `lam`, so with mean ``1 / lam``.

    Examples
    --------
    >>> float(Exponential(1).logpdf(2.0))
    -2.0
    """

    lam: float

    def logpdf(self, x: ArrayLike) -> FloatArray:
        return _folded(x, math.log(self.lam) - self.lam * np.asarray(x, dtype=float))

    def draw(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
        return rng.exponential(1.0 / self.lam, size)


@dataclass(frozen=True)
class Beta(Prior):
    """Beta distribution on the interval from 0 to 1, with mean ``alpha / (alpha + beta)``.

    Examples
    --------
    >>> round(float(np.exp(Beta(2, 2).logpdf(0.5))), 6)
    1.5
    """

    alpha: float
    beta: float

    def logpdf(self, x: ArrayLike) -> FloatArray:
        x = np.asarray(x, dtype=float)
        constant = math.lgamma(self.alpha + self.beta) - math.lgamma(self.alpha) - math.lgamma(self.beta)
        inside = (x > 0) & (x < 1)
        safe = np.where(inside, x, 0.5)
        value = constant + (self.alpha - 1) * np.log(safe) + (self.beta - 1) * np.log1p(-safe)
        return np.where(inside, value, -np.inf)

    def draw(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
        return rng.beta(self.alpha, self.beta, size)


@dataclass(frozen=True)
class GammaPrecision(Prior):
    """A standard deviation whose precision (one over its square) is Gamma with shape `alpha` and rate `beta`.

    The same as an inverse-gamma variance, the vague prior of the BUGS examples, for posteriors published under
    it. With `alpha` near 0 it is nearly improper, piled up close to 0 and far out; its draws end at 1e100.

    Examples
    --------
    >>> round(float(GammaPrecision(1, 1).logpdf(1.0)), 4)  # log(2) - 1
    -0.3069
    """

    alpha: float
    beta: float

    def logpdf(self, x: ArrayLike) -> FloatArray:
        x = np.asarray(x, dtype=float)
        safe = np.where(x > 0, x, 1.0)
        constant = math.log(2.0) + self.alpha * math.log(self.beta) - math.lgamma(self.alpha)
        value = constant - (2 * self.alpha + 1) * np.log(safe) - self.beta / safe**2
        return np.where(x > 0, value, -np.inf)

    def draw(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
        log_precision = _log_gamma_draws(rng, self.alpha, self.beta, size)
        return np.asarray(np.exp(np.minimum(-0.5 * log_precision, math.log(1e100))))

    def to_pymc(self, name: str, dims: str | Sequence[str] | None = None) -> Any:
        import pymc as pm

        def dist(alpha: Any, beta: Any, size: Any) -> Any:
            return pm.Gamma.dist(alpha, beta, size=size) ** -0.5

        positive = pm.distributions.transforms.log
        return pm.CustomDist(name, self.alpha, self.beta, dist=dist, transform=positive, dims=dims)


@dataclass(frozen=True)
class InverseGamma(Prior):
    """Inverse-gamma distribution with shape `alpha` and scale `beta`: one over it is Gamma with rate `beta`.

    Its mean is ``beta / (alpha - 1)``, infinite for `alpha` of 1 or less; its mode is ``beta / (alpha + 1)``. As a prior of
    a standard deviation it keeps away from 0 (for an inverse-gamma *variance* see `GammaPrecision`).

    Examples
    --------
    >>> round(float(InverseGamma(1, 0.15).logpdf(0.15)), 4)  # -1 - log(0.15)
    0.8971
    """

    alpha: float
    beta: float

    def logpdf(self, x: ArrayLike) -> FloatArray:
        x = np.asarray(x, dtype=float)
        safe = np.where(x > 0, x, 1.0)
        constant = self.alpha * math.log(self.beta) - math.lgamma(self.alpha)
        return np.where(x > 0, constant - (self.alpha + 1) * np.log(safe) - self.beta / safe, -np.inf)

    def draw(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
        log_gamma = _log_gamma_draws(rng, self.alpha, self.beta, size)
        return np.asarray(np.exp(np.minimum(-log_gamma, math.log(1e100))))


@dataclass(frozen=True)
class Flat(Prior):
    """The improper prior that is constant over the whole line: the likelihood alone speaks.

    Examples
    --------
    >>> Flat().proper, float(Flat().logpdf(1e9))
    (False, 0.0)
    """

    proper: ClassVar[bool] = False

    def logpdf(self, x: ArrayLike) -> FloatArray:
        return np.zeros_like(np.asarray(x, dtype=float))


@dataclass(frozen=True)
class HalfFlat(Prior):
    """The improper prior that is constant over the positive numbers, such as that of a standard deviation.

    The posterior of a standard deviation between studies is proper under it from three studies on (Gelman 2006, Bayesian
    Analysis 1, 515-534). There is no evidence, and no Bayes factor, under it.

    Examples
    --------
    >>> HalfFlat().proper, float(HalfFlat().logpdf(1e9)), float(HalfFlat().logpdf(-1.0))
    (False, 0.0, -inf)
    """

    proper: ClassVar[bool] = False

    def logpdf(self, x: ArrayLike) -> FloatArray:
        x = np.asarray(x, dtype=float)
        return _folded(x, np.zeros_like(x))


@dataclass(frozen=True)
class LogFlat(Prior):
    """The improper prior of a scale that is constant over its logarithm: ``p(x)`` proportional to ``1 / x``.

    For the residual standard deviation of a regression whose coefficients are `Flat` it gives the classical
    answer: each coefficient's posterior is Student's t around the least-squares estimate, with its classical
    standard error and the residual degrees of freedom (Gelman et al., Bayesian Data Analysis, 2013, section
    14.2). It is not for the standard deviation of a group level, whose posterior it would leave improper.

    Examples
    --------
    >>> LogFlat().proper, float(LogFlat().logpdf(1.0)) == 0.0, float(LogFlat().logpdf(-1.0))
    (False, True, -inf)
    """

    proper: ClassVar[bool] = False

    def logpdf(self, x: ArrayLike) -> FloatArray:
        x = np.asarray(x, dtype=float)
        return np.where(x > 0, -np.log(np.where(x > 0, x, 1.0)), -np.inf)

    def to_pymc(self, name: str, dims: str | Sequence[str] | None = None) -> Any:
        import pymc as pm

        x = pm.HalfFlat(name, dims=dims)
        pm.Potential(f"{name}_log_flat", -pm.math.log(x).sum())
        return x


@dataclass(frozen=True)
class LogOdds(Prior):
    """The log-odds of a share that has the distribution `share`: how a prior on shares enters a model of log-odds.

    Examples
    --------
    >>> print(LogOdds(Beta(1, 1)), round(float(np.exp(LogOdds(Beta(1, 1)).logpdf(0.0))), 6))
    Beta(1, 1) on the share 0.25
    """

    share: Beta

    def __post_init__(self) -> None:
        require_prior("share", self.share, "share")

    def __str__(self) -> str:
        return f"{self.share} on the share"

    def logpdf(self, x: ArrayLike) -> FloatArray:
        x = np.asarray(x, dtype=float)
        alpha, beta = self.share.alpha, self.share.beta
        constant = math.lgamma(alpha + beta) - math.lgamma(alpha) - math.lgamma(beta)
        return np.asarray(constant - alpha * np.logaddexp(0.0, -x) - beta * np.logaddexp(0.0, x))

    def draw(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
        # Of two Gamma variables, as in `_log_gamma_draws`.
        alpha, beta = self.share.alpha, self.share.beta
        log_odds = np.log(rng.gamma(alpha + 1, 1.0, size)) - np.log(rng.gamma(beta + 1, 1.0, size))
        return np.asarray(log_odds - (rng.exponential(1 / alpha, size) - rng.exponential(1 / beta, size)))

    def to_pymc(self, name: str, dims: str | Sequence[str] | None = None) -> Any:
        import pymc as pm

        share = self.share.to_pymc(f"{name}_share", dims=dims)
        return pm.Deterministic(name, pm.math.log(share) - pm.math.log1p(-share), dims=dims)


def on_log_odds(prior: Any) -> Any:
    """A prior of a share as one of its log-odds; a prior of log-odds as it is.

    Examples
    --------
    >>> str(on_log_odds(Beta(1, 1))), str(on_log_odds(Normal(0, 1.5)))
    ('Beta(1, 1) on the share', 'Normal(0, 1.5)')
    """
    return LogOdds(prior) if isinstance(prior, Beta) else prior


_WANTED = {
    "real": "a distribution of any number, such as Normal(0, 5)",
    "positive": "a distribution of numbers above 0, such as HalfNormal(5)",
    "share": "a distribution of shares from 0 to 1, such as Beta(2, 2)",
    "log-odds": "a distribution of log-odds, such as Normal(0, 1.5), or of a share, such as Beta(1, 1)",
}


def require_prior(
    name: str,
    prior: object,
    support: str,
    *,
    proper: bool = False,
    needs: str = "its posterior would be improper",
) -> Any:
    """Check that a prior can be one of its parameter: the one function that every model asks.

    Examples
    --------
    >>> require_prior("tau", Normal(0, 5), "positive")
    Traceback (most recent call last):
        ...
    bayes_targets.errors.DataError: priors, tau: Normal(0, 5) allows numbers below 0; did you mean HalfNormal(5)?
    """
    wanted = _WANTED[support]
    if not isinstance(prior, Prior):
        raise DataError(f"priors, {name}: found {prior!r}, expected {wanted}")
    found: Any = prior
    if support == "log-odds":
        found, support = on_log_odds(prior), "real"
    if support == "positive" and found.support == "real":
        half = _half_of(found, proper=proper)
        wrong = "" if found.proper else "is improper and "
        hint = f"; did you mean {half}?" if half else f", expected {wanted}"
        raise DataError(f"priors, {name}: {found} {wrong}allows numbers below 0{hint}")
    if support == "share" and found.support != "share":
        raise DataError(f"priors, {name}: {found} allows numbers outside 0 to 1, expected {wanted}")
    if proper and not found.proper:
        raise DataError(f"priors, {name}: {found} is improper, and {needs}; expected a proper prior")
    if support == "real" and not found.proper and found.support != "real":
        raise DataError(
            f"priors, {name}: {found} is of positive numbers alone, expected one of any number, such as Flat()"
        )
    return found


def require_spread_prior(name: str, prior: object, units: int, flat_means: int) -> Any:
    r"""Check a prior of the standard deviation of J values around a mean, under a likelihood that is bounded in them.

    As :math:`\tau` grows, the density of the data falls as :math:`\tau^{-(J - m)}`, with m means that have flat priors; a uniform
    prior of :math:`\tau` needs a fall by more than 1. As :math:`\tau` goes to 0 it goes to a positive number, under which a
    prior of :math:`1 / \tau` has no end (Gelman 2006, Bayesian Analysis 1, 515-534).

    Examples
    --------
    >>> require_spread_prior("tau", HalfFlat(), 3, 1)
    HalfFlat()
    """
    checked: Prior = require_prior(name, prior, "positive")
    if isinstance(checked, HalfFlat) and units - flat_means >= 2:
        return checked
    few = f" with {units} values" if isinstance(checked, HalfFlat) else ""
    needs = f"its posterior would be improper{few}"
    return require_prior(name, checked, "positive", proper=True, needs=needs)


def _half_of(prior: Prior, *, proper: bool) -> str:
    """The half of a distribution that is symmetric around 0, as a user would write it."""
    if isinstance(prior, Normal):
        return str(HalfNormal(prior.sigma))
    if isinstance(prior, StudentT):
        return str(HalfStudentT(prior.nu, prior.sigma))
    return "HalfFlat()" if isinstance(prior, Flat) and not proper else ""


def _log_gamma_draws(
    rng: np.random.Generator, alpha: float, beta: float, size: int | tuple[int, ...]
) -> FloatArray:
    """Logs of Gamma draws, as small shapes underflow: Gamma(a) is Gamma(a + 1) times U^(1 / a)."""
    return np.asarray(np.log(rng.gamma(alpha + 1, 1 / beta, size)) - rng.exponential(1 / alpha, size))


def _log_student_t(z: FloatArray, nu: float) -> FloatArray:
    constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(nu * math.pi)
    return np.asarray(constant - (nu + 1) / 2 * np.log1p(z * z / nu))


def _folded(x: ArrayLike, value: FloatArray) -> FloatArray:
    return np.where(np.asarray(x, dtype=float) < 0, -np.inf, value)
