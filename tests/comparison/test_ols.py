"""OLS agrees with the closed form, with certified values, and with the printed table."""

import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from bayes_targets.comparison.ols import fit_ols, ols_from_estimates
from bayes_targets.errors import DataError
from bayes_targets.models.cohesion.simulate import simulate_authorities

COLUMNS = ["estimate", "se", "t", "p_one_tailed", "p_two_tailed", "ci_low", "ci_high"]

# Longley (1967), as the NIST Statistical Reference Datasets give it: total employment, then the six
# predictors (GNP deflator, GNP, unemployed, armed forces, population of 14 and over, year).
LONGLEY = np.array(
    [
        [60323, 83.0, 234289, 2356, 1590, 107608, 1947],
        [61122, 88.5, 259426, 2325, 1456, 108632, 1948],
        [60171, 88.2, 258054, 3682, 1616, 109773, 1949],
        [61187, 89.5, 284599, 3351, 1650, 110929, 1950],
        [63221, 96.2, 328975, 2099, 3099, 112075, 1951],
        [63639, 98.1, 346999, 1932, 3594, 113270, 1952],
        [64989, 99.0, 365385, 1870, 3547, 115094, 1953],
        [63761, 100.0, 363112, 3578, 3350, 116219, 1954],
        [66019, 101.2, 397469, 2904, 3048, 117388, 1955],
        [67857, 104.6, 419180, 2822, 2857, 118734, 1956],
        [68169, 108.4, 442769, 2936, 2798, 120445, 1957],
        [66513, 110.8, 444546, 4681, 2637, 121950, 1958],
        [68655, 112.6, 482704, 3813, 2552, 123366, 1959],
        [69564, 114.2, 502601, 3931, 2514, 125368, 1960],
        [69331, 115.7, 518173, 4806, 2572, 127852, 1961],
        [70551, 116.9, 554894, 4007, 2827, 130081, 1962],
    ]
)
LONGLEY_TERMS = ["stretch", "gnp", "unemployed", "armed", "population", "year", "constant"]
# NIST certified values for Longley.
CERTIFIED_ESTIMATE = [
    15.0618722713733,
    -0.0358191792925910,
    -2.02022980381683,
    -1.03322686717359,
    -0.0511041056535807,
    1829.15146461355,
    -3482258.63459582,
]
CERTIFIED_SE = [
    84.9149257747669,
    0.0334910077722432,
    0.488399681651699,
    0.214274163161675,
    0.226073200069370,
    455.478499142212,
    890420.383607373,
]
# R's hccm on Longley, printed to these digits in the reference results that statsmodels tests against.
PUBLISHED_HC = {
    "HC0": [51.22035, 0.02458, 0.38324, 0.14625, 0.15821, 428.38438, 832212],
    "HC1": [68.29380, 0.03277, 0.51099, 0.19499, 0.21094, 571.17917, 1109615],
    "HC2": [67.49208, 0.03653, 0.55334, 0.20522, 0.22324, 617.59295, 1202370],
    "HC3": [91.11939, 0.05562, 0.82213, 0.29879, 0.32491, 922.80784, 1799477],
}


def longley() -> xr.Dataset:
    """Longley's data under our names: employment as the change, the deflator as the stretch, one type."""
    return xr.Dataset(
        {
            "change": ("authority", LONGLEY[:, 0]),
            "stretch": ("authority", LONGLEY[:, 1]),
            "controls": (("authority", "control"), LONGLEY[:, 2:]),
        },
        coords={"authority_type": ("authority", ["year"] * 16), "control": LONGLEY_TERMS[1:-1]},
    )


@pytest.fixture
def authorities() -> xr.Dataset:
    made = simulate_authorities(
        {"county": 9, "unitary authority": 8, "London borough": 10},
        coefficients={"deprivation": 1.0, "density": -0.5},
        n_missing_stretch=3,
        seed=4,
    )
    return made.assign_attrs(reference="unitary authority")


def by_hand(ds: xr.Dataset, effect: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """X and y, typed out: effect, county, London borough, controls, constant."""
    ds = ds.isel(authority=np.isfinite(ds[effect].values))
    kind = ds["authority_type"].values
    x = np.column_stack(
        [
            ds[effect].values,
            kind == "county",
            kind == "London borough",
            ds["controls"].values,
            np.ones(len(kind)),
        ]
    ).astype(float)
    terms = [effect, "county", "London borough", "deprivation", "density", "constant"]
    return x, ds["change"].values, terms


@pytest.mark.parametrize("effect", ["target", "stretch"])
def test_the_classical_table_is_the_closed_form(authorities, effect):
    x, y, terms = by_hand(authorities, effect)
    inverse = np.linalg.inv(x.T @ x)
    b = inverse @ x.T @ y
    df = len(y) - x.shape[1]
    residual = y - x @ b
    se = np.sqrt(np.diag(inverse) * (residual @ residual) / df)

    table = fit_ols(authorities, effect=effect, cov_type="nonrobust", prob=0.9)

    assert list(table.index) == terms
    assert table.index.name == "term"
    assert list(table.columns) == COLUMNS
    np.testing.assert_allclose(table["estimate"], b, rtol=1e-9)
    np.testing.assert_allclose(table["se"], se, rtol=1e-9)
    np.testing.assert_allclose(table["t"], b / se, rtol=1e-9)
    np.testing.assert_allclose(table["p_two_tailed"], 2 * stats.t.sf(abs(b / se), df), rtol=1e-7)
    np.testing.assert_allclose(table["ci_high"] - table["estimate"], stats.t.ppf(0.95, df) * se, rtol=1e-9)
    np.testing.assert_allclose(table["estimate"] - table["ci_low"], stats.t.ppf(0.95, df) * se, rtol=1e-9)
    assert table.attrs["sigma"] == pytest.approx(math.sqrt(residual @ residual / df))
    assert table.attrs["r2"] == pytest.approx(1 - residual @ residual / ((y - y.mean()) @ (y - y.mean())))
    assert table.attrs["df"] == df
    assert table.attrs["n"] == len(y)


@pytest.mark.parametrize("cov_type", ["nonrobust", "HC0", "HC1", "HC2", "HC3"])
@pytest.mark.parametrize("data", ["authorities", "longley"])
def test_the_table_is_that_of_statsmodels(request, data, cov_type):
    import statsmodels.api as sm

    ds = longley() if data == "longley" else request.getfixturevalue("authorities")
    if data == "longley":  # one type: no dummies
        x, y = np.column_stack([LONGLEY[:, 1:], np.ones(16)]), LONGLEY[:, 0]
    else:
        x, y, _ = by_hand(ds, "stretch")
    known = sm.OLS(y, x).fit(cov_type=cov_type, use_t=True)
    table = fit_ols(ds, effect="stretch", cov_type=cov_type)
    close = {"rtol": 1e-6 if data == "longley" else 1e-10}  # Longley's columns are all but collinear
    np.testing.assert_allclose(table["estimate"], known.params, **close)
    np.testing.assert_allclose(table["se"], known.bse, **close)
    np.testing.assert_allclose(table["p_two_tailed"], known.pvalues, **close)
    np.testing.assert_allclose(table[["ci_low", "ci_high"]], known.conf_int(), **close)
    assert table.attrs["r2"] == pytest.approx(known.rsquared, rel=1e-9)
    assert table.attrs["sigma"] == pytest.approx(math.sqrt(known.scale), rel=1e-7)


@pytest.mark.parametrize("cov_type", ["HC0", "HC1", "HC2", "HC3"])
def test_robust_errors_are_the_sandwich_formulas(authorities, cov_type):
    x, y, _ = by_hand(authorities, "target")
    inverse = np.linalg.inv(x.T @ x)
    residual = y - x @ (inverse @ x.T @ y)
    leverage = np.diag(x @ inverse @ x.T)
    n, k = x.shape
    weight = {
        "HC0": residual**2,
        "HC1": residual**2 * n / (n - k),
        "HC2": residual**2 / (1 - leverage),
        "HC3": residual**2 / (1 - leverage) ** 2,
    }[cov_type]
    se = np.sqrt(np.diag(inverse @ (x.T * weight) @ x @ inverse))

    table = fit_ols(authorities, cov_type=cov_type)

    np.testing.assert_allclose(table["se"], se, rtol=1e-9)
    # Student's t with n - k degrees of freedom, not the normal that robust covariances often come with.
    np.testing.assert_allclose(table["p_two_tailed"], 2 * stats.t.sf(abs(table["t"]), n - k), rtol=1e-9)
    assert table.attrs["cov_type"] == cov_type


def test_longley_gives_the_certified_values():
    table = fit_ols(longley(), effect="stretch", cov_type="nonrobust")
    assert list(table.index) == LONGLEY_TERMS
    np.testing.assert_allclose(table["estimate"], CERTIFIED_ESTIMATE, rtol=1e-6)
    np.testing.assert_allclose(table["se"], CERTIFIED_SE, rtol=1e-6)
    assert table.attrs["sigma"] == pytest.approx(304.854073561965, rel=1e-9)
    assert table.attrs["r2"] == pytest.approx(0.995479004577296, rel=1e-12)
    assert table.attrs["df"] == 9


@pytest.mark.parametrize("cov_type", list(PUBLISHED_HC))
def test_longley_gives_the_published_robust_errors(cov_type):
    table = fit_ols(longley(), effect="stretch", cov_type=cov_type)
    printed = np.array(PUBLISHED_HC[cov_type])
    # Half a unit of the last printed digit (five decimals; a whole number for the constant), and what double
    # precision loses on these nearly collinear columns.
    allowed = np.array([0.5e-5] * 6 + [0.5]) + 1e-7 * printed
    assert (abs(table["se"].to_numpy() - printed) <= allowed).all()


def test_one_tailed_p_is_half_of_the_two_tailed_whatever_the_sign(authorities):
    table = fit_ols(authorities)
    assert (table["estimate"] < 0).any()
    assert (table["estimate"] > 0).any()
    np.testing.assert_allclose(table["p_one_tailed"], table["p_two_tailed"] / 2)
    assert (table["p_one_tailed"] <= 0.5).all()


def test_r2_without_effect_is_that_of_the_same_rows(authorities):
    x, y, _ = by_hand(authorities, "stretch")
    rest = x[:, 1:]
    residual = y - rest @ np.linalg.lstsq(rest, y, rcond=None)[0]
    table = fit_ols(authorities, effect="stretch")
    assert table.attrs["r2_without_effect"] == pytest.approx(
        1 - residual @ residual / ((y - y.mean()) @ (y - y.mean()))
    )
    assert table.attrs["r2"] > table.attrs["r2_without_effect"]


def test_authorities_without_a_known_stretch_are_dropped_for_stretch_only(authorities):
    assert fit_ols(authorities, effect="stretch").attrs["n_dropped"] == 3
    assert fit_ols(authorities, effect="stretch").attrs["n"] == 24
    assert fit_ols(authorities, effect="target").attrs["n_dropped"] == 0
    assert fit_ols(authorities, effect="target").attrs["n"] == 27


def test_the_reference_is_the_one_asked_for_or_that_of_the_data_or_the_largest(authorities):
    assert fit_ols(authorities).attrs["reference"] == "unitary authority"
    chosen = fit_ols(authorities, reference="county")
    assert chosen.attrs["reference"] == "county"
    assert list(chosen.index[1:3]) == ["unitary authority", "London borough"]
    other = authorities.isel(authority=authorities["authority_type"].values != "unitary authority")
    assert fit_ols(other).attrs["reference"] == "London borough"
    # Another reference is another way to write the same model.
    plain = fit_ols(authorities)
    assert chosen.loc["target", "estimate"] == pytest.approx(plain.loc["target", "estimate"])
    assert chosen.loc["London borough", "estimate"] == pytest.approx(
        plain.loc["London borough", "estimate"] - plain.loc["county", "estimate"]
    )


def test_controls_can_be_left_out(authorities):
    table = fit_ols(authorities, controls=False)
    assert list(table.index) == ["target", "county", "London borough", "constant"]


def test_the_origin_travels_along(authorities):
    assert fit_ols(authorities).attrs["origin"] == "simulated"


def test_the_slope_of_many_simulated_authorities_is_the_true_one():
    many = simulate_authorities({"a": 3000, "b": 3000}, effect="stretch", slope=0.7, sigma=2.0, seed=1)
    table = fit_ols(many, effect="stretch")
    assert abs(table.loc["stretch", "estimate"] - 0.7) < 4 * table.loc["stretch", "se"] < 0.04


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda ds: ds.drop_vars(["change", "outcome"]), {}, "no variable 'change', expected baseline and"),
        (lambda ds: ds.drop_vars("target"), {}, "no variable 'target'"),
        (lambda ds: ds, {"effect": "strech"}, "effect is 'strech', did you mean 'stretch'"),
        (lambda ds: ds, {"cov_type": "hc3"}, "cov_type is 'hc3'"),
        (lambda ds: ds, {"prob": 95}, "prob is 95, expected a probability"),
        (lambda ds: ds, {"reference": "London boro"}, "no such type; did you mean 'London borough'"),
        (lambda ds: ds.isel(authority=slice(0, 4)), {}, "found 4 that can be used"),
        (lambda ds: ds.assign(target=ds["target"] * 0), {}, "'target': constant"),
        (lambda ds: ds.assign(change=ds["change"] * 0), {}, "'change': every value is the same"),
        (lambda ds: ds.assign(change=ds["change"] / 0), {}, "'change': found a missing or infinite"),
        (lambda ds: ds.assign(change=3 * ds["target"] + 1), {}, "fit 'change' exactly"),
        (
            lambda ds: ds.assign_coords(control=["deprivation", "county"]),
            {},
            "two terms are named 'county'",
        ),
        (
            lambda ds: ds.assign(target=("authority", (ds["authority_type"] == "county").values * 1.0)),
            {},
            "'target': a linear combination of 'county'",
        ),
        (lambda ds: ds.expand_dims(dataset=2), {}, "found an ensemble"),
        (
            lambda ds: ds.isel(authority=[0, *range(9, 27)]),
            {"cov_type": "HC3"},
            "'county 1': it alone decides one term",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_data_that_cannot_be_regressed_are_refused_with_a_reason(authorities, change, options, message):
    with pytest.raises(DataError, match=message):
        fit_ols(change(authorities), **options)


def test_a_type_of_one_authority_still_has_hc1_errors(authorities):
    alone = authorities.isel(authority=[0, *range(9, 27)])
    assert np.isfinite(fit_ols(alone, cov_type="HC1")).all(axis=None)


def test_summary_statistics_give_the_printed_test_of_the_target():
    # Andrews, Downe & Guarneros-Meza (2014), Table 2, Model 2: .952 (.659), 150 areas, 13 coefficients; the
    # plus sign there says p <= .10, one-tailed.
    printed = pd.DataFrame({"term": ["target"], "estimate": [0.952], "se": [0.659]})
    table = ols_from_estimates(printed, df=137)
    assert list(table.columns) == COLUMNS
    assert table.loc["target", "t"] == pytest.approx(1.4446, abs=5e-5)
    assert table.loc["target", "p_one_tailed"] == pytest.approx(0.0754, abs=5e-5)
    assert 0.05 < table.loc["target", "p_one_tailed"] <= 0.10
    assert table.attrs == {"df": 137, "prob": 0.95}


def test_summary_statistics_give_back_the_fitted_table(authorities):
    fitted = fit_ols(authorities, prob=0.8)
    again = ols_from_estimates(fitted.reset_index(), df=fitted.attrs["df"], prob=0.8)
    pd.testing.assert_frame_equal(again, fitted, check_exact=False)


def test_a_reference_category_is_left_out():
    printed = pd.DataFrame({"term": ["x", "unitary"], "estimate": [1, 0], "se": [2, 0]})
    assert list(ols_from_estimates(printed, df=10).index) == ["x"]


@pytest.mark.parametrize(
    ("rows", "df", "message"),
    [
        ([("x", 1.0, 1.0), ("x", 2.0, 1.0)], 10, "row 2, column 'term': found 'x', expected each term once"),
        ([("x", 1.0, 0.0)], 10, "row 1, column 'se': found '0.0', expected a standard error above 0"),
        ([("x", 1.0, -1.0)], 10, "row 1, column 'se': found '-1.0'"),
        ([("x", np.nan, 1.0)], 10, "row 1, column 'estimate': found 'nan', expected a finite number"),
        ([("x", 1.0, np.inf)], 10, "row 1, column 'se': found 'inf', expected a finite number"),
        ([("x", "1", 1.0)], 10, "row 1, column 'estimate': found '1', expected a finite number"),
        ([("", 1.0, 1.0)], 10, "row 1, column 'term'"),
        ([("x", 0.0, 0.0)], 10, "no row with a standard error above 0"),
        ([("x", 1.0, 1.0)], 0, "df is 0"),
    ],
)
def test_printed_tables_that_cannot_be_are_refused(rows, df, message):
    with pytest.raises(DataError, match=message):
        ols_from_estimates(pd.DataFrame(rows, columns=["term", "estimate", "se"]), df=df)


def test_a_missing_column_of_a_printed_table_is_named():
    with pytest.raises(DataError, match="column 'estimate': missing; did you mean 'estimates'"):
        ols_from_estimates(pd.DataFrame({"term": ["x"], "estimates": [1.0], "se": [1.0]}), df=3)
