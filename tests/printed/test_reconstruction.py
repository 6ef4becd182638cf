"""Reconstructed authorities agree with the published table, vary where it is silent, and say what they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import xarray as xr

from bayes_targets.comparison.ols import fit_ols
from bayes_targets.errors import DataError
from bayes_targets.printed.reconstruction import pool_datasets, reconstruct, reconstruction_table
from bayes_targets.printed.reconstruction.build import _enforced, no_covariates
from bayes_targets.printed.reconstruction.columns import (
    lkj_factors,
    make_columns,
    stretch_among_targets,
    top,
)
from bayes_targets.printed.reconstruction.publication import Publication, logistic, read_publication
from bayes_targets.printed.reconstruction.search import (
    Task,
    draw_from_prior,
    find_world,
    multipliers,
    redraw_residuals,
)
from bayes_targets.printed.reconstruction.statistics import make_goals, measure
from bayes_targets.printed.reconstruction.world import bend, change_and_baseline
from bayes_targets.readers.package import Study, load_study
from cases import SHARED, besides

# Andrews, Downe & Guarneros-Meza (2014), Table 1: mean, min, max, s.d., and decimals printed.
SCORES = {"outcome": (75.16, 49.10, 87.60, 6.60), "baseline": (77.32, 48.00, 89.00, 6.94)}
CONTROLS = {
    "Deprivation": (23.32, 5.36, 46.97, 9.29),
    "Ethnic diversity": (2463.31, 372.71, 8452.82, 2221.62),
    "Age diversity": (8729.48, 8527.38, 8856.82, 64.57),
    "Social class diversity": (8780.81, 8553.41, 8933.46, 64.05),
    "Population growth": (0.72, -0.69, 4.51, 0.81),
}
LOGGED = {
    "Population (log)": ((327544, 34563, 1329718, 247194), 0),
    "Population density (log)": ((2421.22, 61.68, 14916.67, 2720.77), 2),
}
TYPES = {"County council": 27, "Metropolitan borough": 36, "London borough": 32, "Unitary authority": 55}


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study("andrews2014")


@pytest.fixture(scope="module")
def publication(study: Study) -> Publication:
    return read_publication(study)


@pytest.fixture(scope="module")
def target(study: Study) -> xr.Dataset:
    return reconstruct(study, model="target", n_datasets=4, seed=20)


@pytest.fixture(scope="module")
def stretch(study: Study) -> xr.Dataset:
    return reconstruct(study, model="stretch", n_datasets=4, seed=21)


@pytest.fixture(scope="module")
def task(publication: Publication) -> Task:
    columns, given = make_columns(publication), no_covariates(publication)
    goals = make_goals(publication, columns, 0.0)
    main = publication.regression("stretch")
    assert main is not None
    return Task(
        publication,
        columns,
        given,
        goals,
        _enforced(publication, goals, given, main),
        main,
        concentration=2.0,
    )


def edited(study: Study, **edits: Callable[[pd.DataFrame], pd.DataFrame]) -> Study:
    """The study with some of its tables changed."""
    tables = dict(study.tables)
    for name, edit in edits.items():
        attrs = dict(tables[name].attrs)
        tables[name] = edit(tables[name].copy())
        tables[name].attrs = attrs
    return replace(study, tables=tables)


def printing(column: str, text: str, **where: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """An edit that prints another number in the rows that `where` picks."""

    def edit(table: pd.DataFrame) -> pd.DataFrame:
        rows = np.logical_and.reduce([table[name] == value for name, value in where.items()])
        table.loc[rows, f"{column}_printed"] = text
        return table

    return edit


def prints(value: float, printed: float, decimals: int) -> bool:
    """Whether the value prints as that number."""
    return abs(value - printed) <= 0.5 * 10.0**-decimals * (1 + 1e-9)


def regression(one: xr.Dataset, effect: str | None) -> sm.regression.linear_model.RegressionResults:
    """The paper's regression on one data set, by statsmodels with HC1."""
    if effect == "stretch":
        one = one.isel(authority=one["stretch"].notnull().values)
    terms = {"Constant": np.ones(one.sizes["authority"])}
    if effect is not None:
        terms[effect] = one[effect].values
    terms |= {str(c): one["controls"].sel(control=c).values for c in one["control"].values}
    terms |= {t: (one["authority_type"] == t).values * 1.0 for t in TYPES if t != "Unitary authority"}
    design = pd.DataFrame(terms)
    return sm.OLS(one["change"].values, design).fit(method="qr", cov_type="HC1", use_t=True)


def datasets(ensemble: xr.Dataset) -> list[xr.Dataset]:
    return [ensemble.isel(dataset=i) for i in range(ensemble.sizes["dataset"])]


# --- agreement with the published table -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["target", "stretch"])
def test_every_printed_statistic_is_reproduced_to_its_rounding(
    name: str, study: Study, request: pytest.FixtureRequest
) -> None:
    table = reconstruction_table(request.getfixturevalue(name), study)
    # 8 counts; 12 variables x 4; constants, slopes, errors of 12 + 13 + 13 terms; R², F and N of 3 models.
    assert len(table) == 8 + 12 * 4 + 2 * (12 + 13 + 13) + 3 * 3
    assert table.loc[table["agrees"] != "yes", "statistic"].tolist() == []
    assert table.attrs["largest_se_departure"] == 0.0
    assert table.attrs["tolerance"] == 0.0


def test_model_2_comes_out_of_statsmodels_as_printed(target: xr.Dataset) -> None:
    for one in datasets(target):
        fit = regression(one, "target")
        assert fit.nobs == 150
        assert prints(fit.params["target"], 0.952, 3) and prints(fit.bse["target"], 0.659, 3)
        assert prints(fit.params["Constant"], 68.578, 3) and prints(fit.bse["Constant"], 64.979, 3)
        assert prints(fit.params["Age diversity"], -0.0004, 4) and prints(fit.bse["Age diversity"], 0.006, 3)
        assert prints(fit.params["Metropolitan borough"], -2.702, 3)
        assert prints(fit.bse["London borough"], 1.473, 3)
        assert prints(fit.rsquared, 0.14, 2) and prints(fit.fvalue, 2.33, 2)


def test_model_3_comes_out_of_statsmodels_as_printed(stretch: xr.Dataset) -> None:
    for one in datasets(stretch):
        fit = regression(one, "stretch")
        assert fit.nobs == 131
        assert prints(fit.params["stretch"], 0.651, 3) and prints(fit.bse["stretch"], 0.090, 3)
        assert prints(fit.params["Constant"], 110.472, 3) and prints(fit.bse["Constant"], 54.655, 3)
        assert prints(fit.params["Population (log)"], 0.980, 3) and prints(
            fit.bse["County council"], 1.061, 3
        )
        assert prints(fit.rsquared, 0.49, 2) and prints(fit.fvalue, 9.84, 2)


def test_model_1_holds_on_the_same_authorities(target: xr.Dataset) -> None:
    for one in datasets(target):
        fit = regression(one, None)
        assert prints(fit.params["Metropolitan borough"], -2.481, 3)
        assert prints(fit.bse["Metropolitan borough"], 1.055, 3)
        assert prints(fit.rsquared, 0.12, 2) and prints(fit.fvalue, 2.34, 2)


def test_the_librarys_own_ols_gives_the_printed_slope_and_drops_unknown_stretch(stretch: xr.Dataset) -> None:
    table = fit_ols(stretch.isel(dataset=0), effect="stretch", cov_type="HC1")
    assert prints(table.loc["stretch", "estimate"], 0.651, 3) and prints(table.loc["stretch", "se"], 0.090, 3)
    assert table.attrs["n"] == 131 and table.attrs["n_dropped"] == 19


def test_table_1_is_reproduced_for_all_150_authorities(target: xr.Dataset) -> None:
    printed = {name: (values, 2) for name, values in CONTROLS.items()} | LOGGED
    for one in datasets(target):
        columns = {name: one[name].values for name in SCORES}
        columns |= {name: one["controls"].sel(control=name).values for name in printed}
        for name, (values, decimals) in (printed | {k: (v, 2) for k, v in SCORES.items()}).items():
            x = np.exp(columns[name]) if name in LOGGED else columns[name]
            found = (x.mean(), x.min(), x.max(), x.std(ddof=1))
            assert all(prints(f, p, decimals) for f, p in zip(found, values, strict=True)), (name, found)


def test_counts_are_the_printed_ones(target: xr.Dataset) -> None:
    assert target.sizes["authority"] == 150
    kinds, counts = np.unique(target["authority_type"], return_counts=True)
    assert dict(zip(kinds.tolist(), counts.tolist(), strict=True)) == TYPES
    assert (target["target"].sum("authority") == 86).all()
    assert set(np.unique(target["target"])) == {0.0, 1.0}
    nrf = target["controls"].sel(control="NRF area")
    assert set(np.unique(nrf)) == {0.0, 1.0}
    assert set(nrf.sum("authority").values.tolist()) <= {70.0, 71.0}


def test_stretch_is_zero_without_a_target_and_unknown_for_19_that_have_one(stretch: xr.Dataset) -> None:
    asked = stretch["stretch"]
    assert (asked.notnull().sum("authority") == 131).all()
    assert (asked.where(stretch["target"] == 0, 0.0) == 0).all()
    assert (stretch["target"].where(asked.isnull(), 1.0) == 1).all()
    assert all(prints(m, 0.89, 2) for m in asked.mean("authority").values)
    assert all(prints(s, 3.93, 2) for s in asked.std("authority", ddof=1).values)
    assert np.allclose(asked.min("authority"), -14.34) and np.allclose(asked.max("authority"), 15.71)
    assert stretch.attrs["n_used"] == 131 and stretch.attrs["n_missing_stretch"] == 19


def test_change_is_the_percentage_change_of_the_scores_exactly(target: xr.Dataset) -> None:
    computed = 100 * (target["outcome"] - target["baseline"]) / target["baseline"]
    assert (computed == target["change"]).all()
    assert float(target["baseline"].min()) >= 0 and float(target["outcome"].max()) <= 100


def test_the_printed_standard_deviations_alone_tie_change_to_baseline(target: xr.Dataset) -> None:
    # var(outcome) < var(baseline) although changes add variance, so high scores must have fallen more.
    found = [np.corrcoef(one["baseline"], one["change"])[0, 1] for one in datasets(target)]
    assert all(-0.4 < r < -0.15 for r in found)


# --- what is not printed varies ---------------------------------------------------------------------------


def test_correlations_that_are_not_printed_vary_over_the_ensemble(target: xr.Dataset) -> None:
    correlations = np.array([np.corrcoef(one["controls"].values, rowvar=False) for one in datasets(target)])
    spread = correlations.std(axis=0)[np.triu_indices(8, 1)]
    assert np.median(spread) > 0.1
    assert len({one["target"].values.tobytes() for one in datasets(target)}) == target.sizes["dataset"]


def test_the_same_seed_gives_the_same_bytes_however_many_data_sets(study: Study, target: xr.Dataset) -> None:
    fewer = reconstruct(study, model="target", n_datasets=2, seed=20)
    for name in fewer.data_vars:
        assert fewer[name].values.tobytes() == target[name].values[:2].tobytes()


def test_another_seed_gives_other_data(study: Study, target: xr.Dataset) -> None:
    other = reconstruct(study, n_datasets=1, seed=22)
    assert not np.allclose(other["change"].isel(dataset=0), target["change"].isel(dataset=0))


def test_one_seed_gives_the_same_authorities_to_both_models(study: Study, target: xr.Dataset) -> None:
    other = reconstruct(study, model="stretch", n_datasets=1, seed=20)
    assert other["change"].values.tobytes() == target["change"].values[:1].tobytes()
    assert other.attrs["n_used"] == 131 and target.attrs["n_used"] == 150


def test_without_a_seed_one_is_drawn_and_told(study: Study) -> None:
    first = reconstruct(study, n_datasets=1)
    again = reconstruct(study, n_datasets=1, seed=first.attrs["seed"])
    assert first["change"].values.tobytes() == again["change"].values.tobytes()


def test_slopes_hidden_by_coarse_rounding_vary_within_it(task: Task) -> None:
    worlds = [find_world(task, seed) for seed in np.random.SeedSequence(5).spawn(6)]
    place = task.goals.names.index("Model 3, Ethnic diversity, slope")
    slopes = [measure(world, task.publication).values[place] for world in worlds]
    assert all(0.00005 <= slope <= 0.00015 for slope in slopes)
    assert np.ptp(slopes) > 0.00001


def test_a_wider_tolerance_lets_standard_errors_depart_but_not_slopes(study: Study) -> None:
    loose = reconstruct(study, n_datasets=2, seed=3, tolerance=0.1)
    table = reconstruction_table(loose, study)
    assert (table["agrees"] == "yes").all()
    assert 0 < table.attrs["largest_se_departure"] <= 0.1
    strict = table[~table["statistic"].str.contains(r"s\.e\.|, F$")]
    assert len(strict) == 8 + 12 * 4 + (12 + 13 + 13) + 2 * 3


# --- labels -------------------------------------------------------------------------------------------------


def test_the_data_say_that_they_are_reconstructed_and_what_was_assumed(stretch: xr.Dataset) -> None:
    assert stretch.attrs["origin"] == "reconstructed"
    assert str(stretch["authority"].values[0]) == "reconstructed 001"
    assert stretch["authority_type"].dims == ("authority",)
    assert stretch.sizes == {"dataset": 4, "authority": 150, "control": 8}
    assert stretch["controls"].dims == ("dataset", "authority", "control")
    notes = " ".join(stretch.attrs["notes"])
    for said in ("Reconstructed, not observed", "HC1", "131", "at random"):
        assert said in notes
    settings = {"model": "stretch", "seed": 21, "n_datasets": 4, "tolerance": 0.0, "concentration": 2.0}
    assert {key: stretch.attrs[key] for key in settings} == settings


def test_the_ensemble_survives_netcdf(stretch: xr.Dataset, tmp_path: Path) -> None:
    stretch.to_netcdf(tmp_path / "ensemble.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "ensemble.nc", engine="h5netcdf") as read:
        assert read["change"].values.tobytes() == stretch["change"].values.tobytes()
        assert read.attrs["origin"] == "reconstructed"


# --- the table of agreement ---------------------------------------------------------------------------------


def test_the_table_tells_when_data_do_not_agree(study: Study, target: xr.Dataset) -> None:
    spoilt = target.copy(deep=True)
    spoilt["outcome"][0] += 1.0
    table = reconstruction_table(spoilt, study).set_index("statistic")
    assert table.loc["Cohesion 2008, mean", "agrees"] == "75% of data sets"
    assert table.loc["Cohesion 2006, mean", "agrees"] == "yes"
    spoilt["outcome"] += 1.0
    table = reconstruction_table(spoilt, study).set_index("statistic")
    assert table.loc["Cohesion 2008, mean", "agrees"] == "no"
    assert table.loc["Cohesion 2008, mean", "printed"] == "75.16"


def test_the_table_takes_one_data_set_too(study: Study, target: xr.Dataset) -> None:
    table = reconstruction_table(target.isel(dataset=0), study)
    assert (table["agrees"] == "yes").all() and table.attrs["n_datasets"] == 1


def test_the_table_refuses_observed_data(study: Study, target: xr.Dataset) -> None:
    with pytest.raises(DataError, match="origin is 'observed', expected a reconstruction"):
        reconstruction_table(target.assign_attrs(origin="observed"), study)


# --- real covariates ----------------------------------------------------------------------------------------


def made_up_covariates() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    kind = [name for name, count in TYPES.items() for _ in range(count)]
    return pd.DataFrame(
        {
            "authority": [f"place {i}" for i in range(150)],
            "authority_type": kind,
            "Deprivation": rng.uniform(5, 45, 150),
            "Population": np.exp(rng.normal(12.4, 0.6, 150)),
            "NRF area": rng.permutation([1] * 60 + [0] * 90),
        }
    )


def check_real_covariates(study: Study, covariates: pd.DataFrame, model: str, number: int) -> pd.DataFrame:
    made = reconstruct(study, model=model, n_datasets=2, seed=6, covariates=covariates)
    assert made["authority"].values.tolist() == covariates["authority"].tolist()
    controls = made["controls"]
    for i in range(2):
        kept = controls.isel(dataset=i)
        assert (kept.sel(control="Deprivation").values == covariates["Deprivation"].to_numpy()).all()
        assert np.allclose(kept.sel(control="Population (log)"), np.log(covariates["Population"]))
    table = reconstruction_table(made, study).set_index("statistic")
    rows = table.index.str.startswith(f"Model {number}, ")
    matched = table[rows & (table.index.str.endswith("slope") | table.index.str.endswith("R²"))]
    assert len(matched) == 13 and (matched["agrees"] == "yes").all()
    for name in (
        "Cohesion 2008, mean",
        "Cohesion 2006, s.d.",
        "Population growth, s.d.",
        "Population growth, min",
    ):
        assert table.loc[name, "agrees"] == "yes"
    return table


@pytest.mark.parametrize(("model", "number"), [("target", 2), ("stretch", 3)])
def test_real_covariates_are_kept_slopes_still_match_and_the_rest_is_reported(
    model: str, number: int, study: Study
) -> None:
    table = check_real_covariates(study, made_up_covariates(), model, number)
    assert table.loc["Deprivation, mean", "agrees"] == "no"
    assert table.loc["NRF area, mean", "agrees"] == "no"


@besides("data/authorities_2008.csv")
@pytest.mark.parametrize(("model", "number"), [("target", 2), ("stretch", 3)])
def test_the_shared_real_covariates_can_stand_in(model: str, number: int, study: Study) -> None:
    found = pd.read_csv(SHARED / "data" / "authorities_2008.csv")
    names = {"county": "County council", "metropolitan borough": "Metropolitan borough"}
    names |= {"London borough": "London borough", "unitary": "Unitary authority"}
    covariates = pd.DataFrame(
        {
            "authority": found["authority"],
            "authority_type": found["authority_type"].map(names),
            "Deprivation": found["deprivation_2007"],
            "Ethnic diversity": found["ethnic_diversity_5_groups"],
            "Age diversity": found["age_diversity_3_groups"],
            "Social class diversity": found["class_diversity_4_grades"],
            "Population": found["population_2001"],
            "Population density": found["density_2001"],
            "NRF area": found["nrf"],
        }
    )
    table = check_real_covariates(study, covariates, model, number)
    assert table.loc["Age diversity, mean", "agrees"] == "no"
    assert table.loc["Population, max", "agrees"] == "yes"


def test_names_and_types_alone_leave_everything_printed_enforced(study: Study) -> None:
    covariates = made_up_covariates()[["authority", "authority_type"]].sample(frac=1, random_state=1)
    made = reconstruct(study, n_datasets=1, seed=1, covariates=covariates)
    assert made["authority_type"].values.tolist() == covariates["authority_type"].tolist()
    assert (reconstruction_table(made, study)["agrees"] == "yes").all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.drop(columns="authority_type"), "no column 'authority_type'"),
        (lambda c: c.iloc[:149], "found 149 rows, expected 150"),
        (lambda c: c.rename(columns={"Deprivation": "Depravation"}), "did you mean 'Deprivation'"),
        (lambda c: c.assign(authority="same"), "row 2, column 'authority': found 'same'"),
        (lambda c: c.assign(authority_type="county"), "row 1, column 'authority_type': found 'county'"),
        (lambda c: c.assign(authority_type="County council"), "no authority is a Metropolitan borough"),
        (lambda c: c.assign(Population=0.0), "column 'Population': found '0.0', expected a number above 0"),
        (lambda c: c.assign(Deprivation="x"), "row 1, column 'Deprivation': found 'x', expected a number"),
        (lambda c: c.assign(Deprivation=np.inf), "column 'Deprivation': found 'inf'"),
        (lambda c: c.assign(Deprivation=1.0), "'Deprivation' is constant"),
        (lambda c: c.assign(**{"NRF area": 2}), "column 'NRF area': found '2', expected 0 or 1"),
        (lambda c: c.assign(**{"Population (log)": 1.0}), "'Population \\(log\\)' is given twice"),
        (lambda c: c.assign(**{"Age diversity": 3 * c["Deprivation"]}), "linear combination of Deprivation"),
        (lambda c: c.to_numpy(), "found ndarray, expected a DataFrame"),
    ],
)
def test_covariates_that_cannot_be_used_are_named(
    change: Callable[[pd.DataFrame], pd.DataFrame], message: str, study: Study
) -> None:
    with pytest.raises(DataError, match=message):
        reconstruct(study, n_datasets=1, seed=1, covariates=change(made_up_covariates()))


# --- named authorities --------------------------------------------------------------------------------------


def test_the_toughest_and_easiest_targets_go_to_the_named_authorities(study: Study) -> None:
    covariates = made_up_covariates()[["authority", "authority_type"]]
    named = study.tables["extreme_targets"]
    places = dict(zip(named["authority"], [70, 80, 120, 130, 140, 75, 30, 40, 50, 5], strict=True))
    for name, place in places.items():
        longer = "Southend-on-Sea" if name == "Southend" else name
        covariates.loc[place, "authority"] = longer
    made = reconstruct(study, model="stretch", n_datasets=2, seed=1, covariates=covariates)
    for one in datasets(made):
        ranked = one["stretch"].to_series().dropna().sort_values()
        assert set(ranked.index[:5]) == {"Camden", "Rochdale", "Sandwell", "Knowsley", "East Sussex"}
        assert {"Newham", "Bournemouth", "Southend-on-Sea"} <= set(ranked.index[-5:])
    assert (reconstruction_table(made, study)["agrees"] == "yes").all()


def test_without_names_the_types_of_the_named_authorities_decide(study: Study) -> None:
    kinds = ["London borough"] * 2 + ["Unitary authority"] * 3 + ["London borough"]
    kinds += ["Metropolitan borough"] * 3 + ["County council"]
    told = edited(study, extreme_targets=lambda table: table.assign(authority_type=kinds))
    for one in datasets(reconstruct(told, model="stretch", n_datasets=2, seed=2)):
        order = np.argsort(one["stretch"].dropna("authority").values)
        types = one.dropna("authority")["authority_type"].values[order]
        assert sorted(types[-5:].tolist()) == sorted(kinds[:5])
        assert sorted(types[:5].tolist()) == sorted(kinds[5:])


# --- tables that cannot be met ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "edit", "message"),
    [
        (
            "descriptives",
            printing("sd", "30.00", variable="Deprivation"),
            r"'Deprivation': s.d. 30.00 is impossible; .* it lies between 2.433 and 20.68",
        ),
        (
            "descriptives",
            printing("mean", "48.00", variable="Deprivation"),
            "mean 48.00 does not lie between",
        ),
        ("descriptives", printing("min", "-5", variable="Population"), "min -5, expected a number above 0"),
        ("descriptives", printing("mean", ".70", variable="LAA (target on)"), "86 of 150 do not have"),
        ("descriptives", printing("sd", ".20", variable="NRF area"), "no number of ones among 150"),
        ("descriptives", lambda t: t[t["variable"] != "Deprivation"], "no row for 'Deprivation'"),
        (
            "descriptives",
            printing("mean", "", variable="Deprivation"),
            "column 'mean': expected a printed number",
        ),
        ("ols_fit", printing("r2", ".05", model=2), "R² is .05 in model 2 and .12 in model 1"),
        ("ols_fit", lambda t: t.assign(n=150), "model 3: N = 150, expected 131"),
        ("ols", printing("se", ".000", model=2, term="NRF area"), "'NRF area': standard error .000"),
        ("ols", lambda t: t[(t["model"] != 2) | (t["term"] != "NRF area")], "model 2: no row for"),
        ("ols", lambda t: t[t["term"] != "London borough"], "expected all but one of"),
        ("authority_types", lambda t: t.assign(count=[28, 36, 32, 55]), "add up to 151, expected N = 150"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused_at_once(
    table: str, edit: Callable[[pd.DataFrame], pd.DataFrame], message: str, study: Study
) -> None:
    with pytest.raises(DataError, match=message):
        reconstruct(edited(study, **{table: edit}), n_datasets=1, seed=1)


def test_a_table_without_any_data_ends_in_one_error_that_names_the_statistic(study: Study) -> None:
    impossible = edited(study, ols=printing("se", "14.73", model=2, term="London borough"))
    with pytest.raises(
        DataError, match=r"furthest from print is Model 2, London borough, robust s\.e\.: .*14\.72"
    ):
        reconstruct(impossible, n_datasets=1, seed=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "targets"}, "did you mean 'target'"),
        ({"n_datasets": 0}, "n_datasets is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"tolerance": -0.1}, "tolerance is -0.1"),
        ({"concentration": 0.0}, "concentration is 0.0"),
    ],
)
def test_settings_that_cannot_be_are_named(arguments: dict[str, object], message: str, study: Study) -> None:
    with pytest.raises(DataError, match=message):
        reconstruct(study, **arguments)  # type: ignore[arg-type]


def test_a_study_without_such_tables_says_which_is_missing(study: Study) -> None:
    with pytest.raises(DataError, match="'odpm2005' has no table 'descriptives'"):
        reconstruct(load_study("odpm2005"), n_datasets=1)
    bare = replace(study, tables={k: v for k, v in study.tables.items() if k != "authority_types"})
    with pytest.raises(DataError, match="no table 'authority_types'"):
        reconstruct(bare, n_datasets=1)


# --- other studies --------------------------------------------------------------------------------------------


def only_models(study: Study, models: list[int], *, stretch: bool) -> Study:
    def keep(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["model"].isin(models)].reset_index(drop=True)

    def described(table: pd.DataFrame) -> pd.DataFrame:
        return table if stretch else table[table["variable"] != "LAA (target stretch)"].reset_index(drop=True)

    return edited(study, ols=keep, ols_fit=keep, descriptives=described)


@pytest.mark.parametrize(
    ("models", "has_stretch", "model"),
    [([2], False, "target"), ([1, 2], False, "target"), ([3], True, "stretch")],
)
def test_a_study_may_print_fewer_regressions(
    models: list[int], has_stretch: bool, model: str, study: Study
) -> None:
    other = only_models(study, models, stretch=has_stretch)
    made = reconstruct(other, model=model, n_datasets=1, seed=1)
    assert (reconstruction_table(made, other)["agrees"] == "yes").all()
    assert ("stretch" in made) == has_stretch


def test_an_f_that_is_not_printed_is_not_enforced(study: Study) -> None:
    other = edited(study, ols_fit=printing("f", "", model=2))
    table = reconstruction_table(reconstruct(other, n_datasets=1, seed=1), other).set_index("statistic")
    assert "Model 2, F" not in table.index and "Model 3, F" in table.index
    assert (table["agrees"] == "yes").all()


def test_a_model_that_is_not_printed_cannot_be_asked_for(study: Study) -> None:
    with pytest.raises(DataError, match="prints no regression with the stretch"):
        reconstruct(only_models(study, [1, 2], stretch=False), model="stretch", n_datasets=1)


def test_the_table_of_a_known_truth_is_reproduced_from_print_alone(study: Study, task: Task) -> None:
    rng = np.random.default_rng(8)
    draw = draw_from_prior(rng, task)
    told = dict(zip(task.goals.names, measure(draw.world, task.publication).values, strict=True))

    def rounded(value: float, like: str) -> str:
        return f"{value:.{len(like.partition('.')[2])}f}"

    def describe(table: pd.DataFrame) -> pd.DataFrame:
        for column, label in (("mean", "mean"), ("sd", "s.d.")):
            texts = table[f"{column}_printed"]
            table[f"{column}_printed"] = [
                rounded(told[f"{name}, {label}"], text) if f"{name}, {label}" in told else text
                for name, text in zip(table["variable"], texts, strict=True)
            ]
        return table

    def regress(table: pd.DataFrame) -> pd.DataFrame:
        for column, label in (("estimate", "slope"), ("se", "robust s.e.")):
            table[f"{column}_printed"] = [
                rounded(told[f"Model {model}, {term}, {label}"], text)
                for model, term, text in zip(
                    table["model"], table["term"], table[f"{column}_printed"], strict=True
                )
            ]
        return table

    def fit(table: pd.DataFrame) -> pd.DataFrame:
        table["r2_printed"] = [rounded(told[f"Model {m}, R²"], ".12") for m in table["model"]]
        table["f_printed"] = [rounded(told[f"Model {m}, F"], "2.34") for m in table["model"]]
        return table

    other = edited(study, descriptives=describe, ols=regress, ols_fit=fit)
    assert (
        other.tables["ols"]["estimate_printed"].tolist() != study.tables["ols"]["estimate_printed"].tolist()
    )
    made = reconstruct(other, n_datasets=2, seed=1)
    assert (reconstruction_table(made, other)["agrees"] == "yes").all()


# --- the parts ----------------------------------------------------------------------------------------------


def test_analytic_derivatives_are_those_of_finite_differences(task: Task) -> None:
    draw = draw_from_prior(np.random.default_rng(3), task)
    world = draw.world
    slopes = measure(world, task.publication).derivatives()
    step = np.random.default_rng(4).normal(size=world.values.shape) * world.values.std(axis=0) * 1e-6
    step[:, world.index("stretch")] *= world.free[:, world.index("stretch")]
    ahead = measure(replace(world, values=world.values + step), task.publication).values
    behind = measure(replace(world, values=world.values - step), task.publication).values
    analytic = np.tensordot(slopes, step, 2)
    assert np.allclose((ahead - behind) / 2, analytic, rtol=1e-4, atol=1e-12)


def test_steps_are_the_shortest_that_bring_all_statistics_into_range() -> None:
    from scipy.optimize import minimize

    rng = np.random.default_rng(1)
    gradients = rng.normal(size=(5, 12))
    to_low = np.array([0.5, -1.0, 0.2, -0.1, -2.0])
    to_high = np.array([1.0, -0.3, 0.2, 0.1, 3.0])
    step = gradients.T @ multipliers(gradients @ gradients.T, to_low, to_high, 0.0)
    bounds = [
        {"type": "ineq", "fun": lambda x: gradients @ x - to_low},
        {"type": "ineq", "fun": lambda x: to_high - gradients @ x},
    ]
    best = minimize(lambda x: x @ x, np.zeros(12), jac=lambda x: 2 * x, constraints=bounds, tol=1e-12)
    assert np.allclose(step, best.x, atol=1e-5)


def test_what_table_1_implies_of_stretch_and_of_change(publication: Publication) -> None:
    mean, sd = stretch_among_targets(publication)
    assert (mean, sd) == pytest.approx((1.74, 5.38), abs=0.005)
    level, covariance = change_and_baseline(publication, 3.5**2)
    assert (level, covariance / (3.5 * 6.94)) == pytest.approx((-2.71, -0.25), abs=0.005)


def test_scores_are_bent_back_at_the_ends_and_nowhere_else() -> None:
    assert bend(np.array([40.0, 60, 80]), 50, 70) == pytest.approx([50, 60, 70], abs=1e-3)
    assert logistic(np.array([-1000.0, 0, 1000])).tolist() == [0, 0.5, 1]
    assert top(np.array([3.0, 1, 2]), 2).tolist() == [1, 0, 1]


def test_lkj_correlations_have_the_variance_of_their_beta_margins() -> None:
    # A correlation of an LKJ(eta) matrix of d variables is 2 Beta(a, a) - 1 with a = eta - 1 + d / 2.
    size, concentration = 6, 2.0
    factors = lkj_factors(np.random.default_rng(2), np.eye(1), size, concentration, 4000)
    correlations = factors @ factors.transpose(0, 2, 1)
    a = concentration - 1 + size / 2
    for i, j in ((1, 0), (3, 2), (5, 4)):
        assert correlations[:, i, j].var() == pytest.approx(1 / (2 * a + 1), rel=0.1)


def test_fresh_residuals_leave_slopes_and_r2_nearly_alone(task: Task) -> None:
    world = find_world(task, np.random.SeedSequence(7))
    draw = draw_from_prior(np.random.default_rng(1), task)
    other = redraw_residuals(task, replace(draw, world=world), world, np.random.default_rng(2))
    old, new = (measure(one, task.publication).values for one in (world, other))
    assert np.corrcoef(world.observed_change, other.observed_change)[0, 1] < 0.9
    kept = [i for i, kind in enumerate(task.goals.kinds) if kind in {"slope", "constant", "r2"}]
    # Only nearly, as outcomes that leave their range are bent back: within .4 s.e., and .02 of R².
    assert np.all(np.abs(old - new)[kept] < 2 * task.goals.scale[kept])


# --- pooling ------------------------------------------------------------------------------------------------


def draws_of(means: np.ndarray, sd: float, n: int = 2000) -> xr.DataArray:
    """Draws whose means and variances are exact."""
    noise = np.random.default_rng(0).normal(size=(len(means), n))
    noise = (noise - noise.mean(axis=1, keepdims=True)) / noise.std(axis=1, ddof=1, keepdims=True)
    values = (means[:, None] + sd * noise).reshape(len(means), 4, n // 4)
    return xr.DataArray(values, dims=("dataset", "chain", "draw"), name="effect")


def test_pooled_variance_is_the_law_of_total_variance_with_the_finite_ensemble_added() -> None:
    means = np.array([1.0, 2.0, 3.0, 4.0])
    row = pool_datasets(draws_of(means, 0.5)).loc["effect"]
    between = (1 + 1 / 4) * means.var(ddof=1)
    assert row["mean"] == pytest.approx(2.5)
    assert row["within"] == pytest.approx(0.25) and row["between"] == pytest.approx(between)
    assert row["sd"] == pytest.approx(np.sqrt(0.25 + between))
    assert row["between_share"] == pytest.approx(between / (0.25 + between))
    assert row["determined"] == "not determined by the published table"


def test_data_sets_that_agree_leave_the_posterior_as_it_is() -> None:
    draws = draws_of(np.zeros(5), 1.0)
    row = pool_datasets(draws, prob=0.9).loc["effect"]
    assert row["between_share"] == pytest.approx(0.0, abs=1e-12)
    assert row["determined"] == "determined by the published table"
    assert [row["low"], row["high"]] == pytest.approx(np.quantile(draws, [0.05, 0.95], method="hazen"))


def test_the_flag_turns_at_one_half() -> None:
    means = np.array([-1.0, 1.0])  # between: 1.5 * 2 = 3
    assert pool_datasets(draws_of(means, 1.75)).loc["effect", "between_share"] < 0.5
    assert pool_datasets(draws_of(means, 1.75)).loc["effect", "determined"].startswith("determined")
    assert pool_datasets(draws_of(means, 1.70)).loc["effect", "determined"].startswith("not determined")


def test_the_pooled_interval_covers_the_widened_spread_between_data_sets() -> None:
    rng = np.random.default_rng(3)
    row = pool_datasets(draws_of(rng.normal(0, 3, 60), 1.0), prob=0.95).loc["effect"]
    assert (row["high"] - row["low"]) / (2 * 1.96 * row["sd"]) == pytest.approx(1, abs=0.15)


def test_each_label_of_further_dims_is_an_estimand() -> None:
    draws = xr.concat(
        [draws_of(np.array([0.0, 0.0]), 1.0), draws_of(np.array([0.0, 9.0]), 1.0)], dim="authority_type"
    )
    draws = draws.assign_coords(authority_type=["county", "unitary"]).rename("effect_by_type")
    table = pool_datasets(draws)
    assert table.index.tolist() == ["effect_by_type[county]", "effect_by_type[unitary]"]
    assert table["determined"].str.startswith("not").tolist() == [False, True]
    assert table.attrs == {"interval": "eti", "prob": 0.95, "n_datasets": 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.rename(draw="sample"), "no dim 'draw'"),
        (lambda d: d.isel(dataset=[0]), "found 1 data set"),
        (lambda d: d.where(d < 0), "not finite"),
    ],
)
def test_draws_that_cannot_be_pooled_are_refused(
    change: Callable[[xr.DataArray], xr.DataArray], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        pool_datasets(change(draws_of(np.array([0.0, 1.0]), 1.0)))
