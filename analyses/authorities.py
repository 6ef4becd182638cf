"""Your own units: did those with a target change more?

One row per unit (authority, school, hospital) with a score before and after, and who had a target; or one score, compared
between types. Types are pooled as far as the data ask for it.
"""

import bayes_targets as bt
from bayes_targets.report import authorities as page

DATA = "authorities"
POOLINGS = ("partial", "none", "complete")
# Units with which a model of sampling error is sampled.
SAMPLED = 1_000


def analyse(run):
    units, settings = run.authorities(), run.settings
    n = units.sizes["authority"]
    effects = [effect for effect in ("target", "stretch") if effect in units] or [None]
    fits = {}
    for effect in effects:
        models = {p: bt.cohesion_model(units, effect=effect, pooling=p) for p in POOLINGS}
        if effect is not None:
            models["by_type"] = bt.cohesion_model(units, effect=effect, slopes="by_type")
            if {"change", "baseline_se", "outcome_se"} <= set(units.data_vars) and n <= SAMPLED:
                models["scores"] = bt.cohesion_model(units, effect=effect, measurement_error=True)
        key = effect or "types"
        named = {f"{key}_{name}": model for name, model in models.items()}
        first = f"{key}_partial"
        answer = run.fit(first, named.pop(first), f"{key}, partial pooling")
        made = {first: answer} | run.try_all(named)
        fits[effect] = {name.removeprefix(f"{key}_"): tree for name, tree in made.items()}
    return page.units_result(units, fits, source=settings.source)
