"""The models of the speed benchmarks, and what is compared of their posteriors."""

import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

import bayes_targets as bt
from bayes_targets.model import Model

TYPES = {"county": 27, "metropolitan": 36, "London": 32, "unitary": 55}
CONTROLS = tuple(f"c{k}" for k in range(11))
COUNTS = ("binomial", "ordinal")
# What every peer reports: ESS is the smallest over these, and means and s.d.s are compared.
COHESION = ("mu", "tau", "effect", "sigma", "intercept", "coefficient")
QUANTITIES = {
    "cohesion": COHESION,
    "cohesion_by_type": (*COHESION, "tau_effect", "effect_by_type"),
    "binomial": ("mu", "tau", "share"),
    "ordinal": ("mu", "tau", "cutpoint", "area_effect"),
}


def authorities(n_by_type: dict[str, int] | None = None, *, slope_sd: float = 0.0) -> xr.Dataset:
    """Simulated authorities, 150 of the four English types unless said otherwise, with eleven controls."""
    names = {name: 0.5 * (-1) ** k for k, name in enumerate(CONTROLS)}
    return bt.simulate_authorities(n_by_type or TYPES, coefficients=names, slope_sd=slope_sd, seed=1)


def write_data(name: str, file: Path) -> None:
    """The data of a problem as a user would hand them over: a CSV file."""
    if name in COUNTS:
        from bayes_targets.studies import odpm2005

        counts = odpm2005.counts(bt.load_study(odpm2005.NAME), "policy_area")["count"]
        counts.transpose("area", "status").to_pandas().reset_index().to_csv(file, index=False)
        return
    data = authorities(slope_sd=1.0 if name == "cohesion_by_type" else 0.0)
    frame = data[["authority_type", "change", "target"]].to_dataframe()
    controls = data["controls"].transpose("authority", "control").to_pandas()
    frame.join(controls).to_csv(file)


def problem(name: str, file: Path | None = None) -> Model:
    """The model of a problem, from its file or from a file that is written for the moment."""
    if file is None:
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / "data.csv"
            write_data(name, written)
            return problem(name, written)
    if name in COUNTS:
        return bt.success_model(file, outcome=name)
    read = bt.read_authorities(file, controls=CONTROLS, change="percent", origin="simulated")
    return bt.cohesion_model(read, slopes="by_type" if name == "cohesion_by_type" else "common")


def cohesion_data(model: Model) -> dict[str, np.ndarray]:
    """What a peer is given: type from 0, x, standardised controls of shape (N, K), change."""
    data = model.data
    controls = ((data["controls"] - data["control_mean"]) / data["control_scale"]).transpose(
        "authority", "control"
    )
    return {
        "kind": data["type_index"].to_numpy(),
        "x": data[model.options["effect"]].to_numpy(),
        "controls": controls.to_numpy(),
        "scale": data["control_scale"].to_numpy(),
        "change": data["change"].to_numpy(),
    }


def success_counts(model: Model) -> np.ndarray:
    """Counts of shape (area, status), best first."""
    data = model.data
    if model.options["outcome"] == "binomial":
        good = data["successes"].to_numpy()
        return np.column_stack([good, data["targets"].to_numpy() - good])
    return data["count"].transpose("area", "status").to_numpy()


def compared(name: str, draws: xr.Dataset) -> dict[str, np.ndarray]:
    """Draws of shape (chains, draws) of every element of what is compared."""
    out = {}
    for quantity in QUANTITIES[name]:
        values = draws[quantity].transpose("chain", "draw", ...).to_numpy()
        flat = values.reshape(*values.shape[:2], -1)
        out |= {f"{quantity}[{k}]": flat[..., k] for k in range(flat.shape[2])}
    return out
