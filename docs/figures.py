"""Draw the figures of the docs: ``uv run python docs/figures.py`` writes them to ``docs/figures/``.

SIMULATED data throughout, except where a figure says that it shows a printed table.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import bayes_targets as bt
from bayes_targets.model import Model
from bayes_targets.models.cohesion.graph import arrays

FOLDER = Path(__file__).parent / "figures"
TYPES = {"county": 27, "metropolitan": 36, "London": 32, "unitary": 55}
BLUE, DARK, ORANGE = "#0072B2", "#333333", "#D55E00"
DATASETS = 12


def prior_predictive() -> Figure:
    """Changes that the default priors of the cohesion model expect, before any data."""
    authorities = bt.simulate_authorities(TYPES, coefficients={"deprivation": 0.0, "density": 0.0}, seed=1)
    model = bt.cohesion_model(authorities)
    rng = np.random.default_rng(1)
    prior = model.draw_prior(model, rng, 1000).rename(sample="draw").expand_dims("chain")
    change = model.predict(model, prior.transpose("chain", "draw", ...), rng)["change"].to_numpy().ravel()
    low, high = np.quantile(change, [0.025, 0.975])
    outside = (np.abs(change) > 30).mean()
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.hist(change, bins=np.arange(-60, 61, 2), density=True, color=BLUE, alpha=0.6)
    for end in (low, high):
        axes.axvline(end, color=DARK, linestyle="--")
    axes.axvspan(-4 - 2.8, 4 - 2.8, color=ORANGE, alpha=0.3)
    axes.set_title(
        "SIMULATED from the priors alone: what change does the cohesion model expect?",
        loc="left",
        fontsize=10,
    )
    axes.set_xlabel(
        f"percentage change of the score (dashed: 95% of it, {low:.0f} to {high:.0f}; {outside:.1%} beyond 30)\n"
        "orange: change of the printed mean scores, -2.8, plus and minus a residual s.d. of about 4"
    )
    axes.set_yticks([])
    axes.spines[["top", "left", "right"]].set_visible(False)
    return figure


def estimates(effect: str) -> dict[str, np.ndarray]:
    """Estimates of an effect that is nil, where targets were set from a noisy baseline."""
    import nutpie

    compiled: dict[bool, object] = {}
    found: dict[str, list[float]] = {"OLS": [], "hierarchical model": [], "with measurement error": []}
    for seed in range(DATASETS):
        made = bt.simulate_authorities(
            TYPES, effect=effect, slope=0.0, targets="low_baseline", survey_se=3.0, seed=seed
        )
        found["OLS"].append(float(bt.fit_ols(made, effect=effect).loc[effect, "estimate"]))
        for name, error in (("hierarchical model", False), ("with measurement error", True)):
            model: Model = bt.cohesion_model(made, effect=effect, measurement_error=error)
            if error not in compiled:
                compiled[error] = nutpie.compile_pymc_model(model.to_pymc())
            ready = compiled[error].with_data(**{key: value for key, (value, _) in arrays(model).items()})
            draws = nutpie.sample(
                ready, draws=1000, tune=1000, chains=4, seed=seed, progress_bar=False, target_accept=0.95
            )
            found[name].append(float(draws["posterior"]["effect"].mean()))
    return {name: np.array(values) for name, values in found.items()}


def measurement_error() -> Figure:
    """Regression to the mean passes for an effect, unless the scores' error is modelled."""
    found = estimates("target")
    figure = Figure(figsize=(7.5, 2.8), layout="constrained")
    axes = figure.subplots()
    for row, (name, values) in enumerate(found.items()):
        color = BLUE if "error" in name else DARK
        axes.plot(
            values,
            np.full(values.size, row) + np.linspace(-0.15, 0.15, values.size),
            "o",
            color=color,
            alpha=0.6,
        )
        axes.plot([values.mean()], [row], "|", color=ORANGE, markersize=30, markeredgewidth=3)
    axes.axvline(0, color=DARK)
    axes.set_yticks(range(3), list(found))
    axes.invert_yaxis()
    axes.set_title(
        "SIMULATED, no effect at all: targets given to areas with a low measured score",
        loc="left",
        fontsize=10,
    )
    axes.set_xlabel(
        f"estimated effect of a target, percentage points of change\n(a dot each of {DATASETS} data sets of 150; orange: their mean)"
    )
    axes.spines[["top", "left", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Write every figure."""
    FOLDER.mkdir(exist_ok=True)
    for draw in (prior_predictive, measurement_error):
        draw().savefig(FOLDER / f"{draw.__name__}.png", dpi=150)


if __name__ == "__main__":
    main()
