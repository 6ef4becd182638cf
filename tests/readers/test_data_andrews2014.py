"""The study andrews2014 holds what the paper prints, digit by digit, and claims that can be judged."""

import re

import numpy as np
import pytest

from bayes_targets.readers.cells import plain_decimal
from bayes_targets.readers.package import CLAIM_COLUMNS, load_study
from cases import SHARED, besides

SOURCES = SHARED / "sources"

# Transcribed a second time, from the paper and not from the CSV.
TABLE_1 = """
LAA (target on)             .57      .00     1.00     .50
LAA (target stretch)        .89   -14.34    15.71    3.93
Cohesion 2008             75.16    49.10    87.60    6.60
Cohesion 2006             77.32    48.00    89.00    6.94
Deprivation               23.32     5.36    46.97    9.29
Ethnic diversity        2463.31   372.71  8452.82 2221.62
Age diversity           8729.48  8527.38  8856.82   64.57
Social class diversity  8780.81  8553.41  8933.46   64.05
Population               327544    34563  1329718  247194
Population density      2421.22    61.68 14916.67 2720.77
Population growth           .72     -.69     4.51     .81
NRF area                    .47      .00     1.00     .50
"""
MODEL_1 = """
Deprivation -.032 .065
Age diversity .001 .006
Ethnic diversity -.0001 .0004
Social class diversity -.006 .006
Population (log) -.114 .669
Population density (log) -.151 .526
Population growth -.221 .363
NRF area -.281 1.224
London borough -.258 1.497
Metropolitan borough -2.481** 1.055
County council -1.059 1.269
Constant 51.067 64.153
"""
MODEL_2 = """
LAA (target on) .952+ .659
Deprivation -.043 .066
Age diversity -.0004 .006
Ethnic diversity -.0002 .0004
Social class diversity -.007 .007
Population (log) -.009 .650
Population density (log) -.094 .504
Population growth -.203 .362
NRF area -.167 1.215
London borough -.404 1.473
Metropolitan borough -2.702** 1.092
County council -1.299 1.223
Constant 68.578 64.979
"""
MODEL_3 = """
LAA (target stretch) .651** .090
Deprivation -.007 .047
Age diversity -.002 .005
Ethnic diversity .0001 .0002
Social class diversity -.012* .006
Population (log) .980* .586
Population density (log) -.157 .383
Population growth .193 .253
NRF area .465 .984
London borough -1.387* .858
Metropolitan borough -1.802* 1.117
County council -1.144 1.061
Constant 110.472* 54.655
"""


@pytest.fixture(scope="module")
def study():
    return load_study("andrews2014")


def lines(text: str, numbers: int) -> list[tuple[str, ...]]:
    split = [line.rsplit(maxsplit=numbers) for line in text.strip().splitlines()]
    return [tuple(part.strip() for part in parts) for parts in split]


def test_table_1_is_as_printed(study):
    frame = study.tables["descriptives"]
    columns = ["variable", "mean_printed", "min_printed", "max_printed", "sd_printed"]
    assert list(frame[columns].itertuples(index=False, name=None)) == lines(TABLE_1, 4)


@pytest.mark.parametrize(("model", "text"), [(1, MODEL_1), (2, MODEL_2), (3, MODEL_3)])
def test_table_2_is_as_printed(study, model, text):
    ols = study.tables["ols"]
    ols = ols[ols["model"] == model]
    marked = ols["estimate_printed"] + ols["star"]
    assert list(zip(ols["term"], marked, ols["se_printed"], strict=True)) == lines(text, 2)


def test_the_fit_of_the_models_is_as_printed(study):
    columns = ["model", "f_printed", "f_star", "r2_printed", "n"]
    assert study.tables["ols_fit"][columns].values.tolist() == [
        [1, "2.34", "*", ".12", 150],
        [2, "2.33", "", ".14", 150],
        [3, "9.84", "", ".49", 131],
    ]


@besides("sources")
def test_every_cell_agrees_with_the_reading_aid_of_the_damaged_text(study):
    text = (SOURCES / "README.md").read_text(encoding="utf-8")
    names = {name.lower(): name for name in study.tables["ols"]["term"]}
    found = set()
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].lower() in names and len(cells) == 4:
            for model, cell in enumerate(cells[1:], start=1):
                if cell:
                    slope, se = re.fullmatch(r"(\S+) \((\S+)\)", cell).groups()
                    found.add((model, names[cells[0].lower()], slope, se))
    ols = study.tables["ols"]
    marked = ols["estimate_printed"] + ols["star"]
    assert found == set(zip(ols["model"], ols["term"], marked, ols["se_printed"], strict=True))


@besides("sources")
def test_every_cell_agrees_with_the_extracted_text_once_a_bare_number_is_read_as_minus_point(study):
    text = next(SOURCES.glob("001_*.txt")).read_text(encoding="utf-8")
    table = text[text.index("Table 2 LAAs and social cohesion") :]
    printed = {}
    for line in table.splitlines():
        term, *cells = line.split("\t")
        printed[term.lower()] = [cell for cell in cells if cell]
    ols = study.tables["ols"]
    for term, rows in ols.groupby("term"):
        cells = printed[term.lower()]
        slopes = [cell if re.match(r"-?\d*\.", cell) else f"-.{cell}" for cell in cells[::2]]
        assert (rows["estimate_printed"] + rows["star"]).tolist() == slopes, term
        assert rows["se_printed"].tolist() == cells[1::2], term


def test_every_printed_number_has_a_rounding_interval_around_its_value(study):
    for frame in study.tables.values():
        for column in frame.columns:
            if column.endswith("_printed"):
                for text, value in zip(frame[column], frame[column.removesuffix("_printed")], strict=True):
                    printed = plain_decimal(text)
                    assert printed.low < value < printed.high


def test_the_named_authorities_are_five_and_five_in_the_order_of_naming(study):
    frame = study.tables["extreme_targets"]
    named = {group: rows["authority"].tolist() for group, rows in frame.groupby("group")}
    assert named == {
        "toughest": ["Barking and Dagenham", "Newham", "Bournemouth", "Southend", "Peterborough"],
        "easiest": ["Camden", "Rochdale", "Sandwell", "Knowsley", "East Sussex"],
    }
    assert frame["position"].tolist() == [1, 2, 3, 4, 5] * 2


def test_the_types_add_up_to_the_authorities_of_the_paper_and_name_one_reference(study):
    types = study.tables["authority_types"].set_index("authority_type")
    assert types["count"].to_dict() == {
        "County council": 27,
        "Metropolitan borough": 36,
        "London borough": 32,
        "Unitary authority": 55,
    }
    assert types["count"].sum() == study.tables["descriptives"].attrs["n"] == 150
    reference = study.tables["ols"].attrs["reference"]
    assert types.index[types["reference"]].tolist() == [reference]
    contrasts = study.tables["ols"].query("kind == 'authority type'")["term"].unique()
    assert set(contrasts) | {reference} == set(types.index)


def test_what_the_audit_needs_refers_to_rows_that_exist(study):
    variables = set(study.tables["descriptives"]["variable"])
    attrs = study.tables["descriptives"].attrs
    for key in ("n_by_variable", "bounds", "reported_counts", "variable_units"):
        assert set(attrs[key]) <= variables
    assert set(attrs["variable_units"]) == variables
    ols = study.tables["ols"]
    assert set(ols.attrs["binary"]) | set(ols.attrs["logged"]) | {ols.attrs["constant"]} <= set(ols["term"])
    assert set(ols.attrs["logged"].values()) <= variables
    assert set(ols["star"]) - {""} <= set(ols.attrs["significance"]["levels"])
    assert study.tables["ols_fit"].attrs["regression"] in study.tables
    measured = set(ols["term"]) - set(ols.attrs["binary"]) - set(ols.attrs["logged"]) - {"Constant"}
    assert measured <= variables, "the s.d. of a measured predictor is printed under the same name"


def test_there_are_enough_claims_and_each_can_be_judged_or_says_why_not(study):
    claims = study.claims
    assert tuple(claims.columns) == CLAIM_COLUMNS
    assert (claims["direction"] != "none").sum() >= 10
    for claim in claims.itertuples():
        judged = claim.direction != "none"
        assert bool(claim.estimand) == judged, claim.id
        assert np.isfinite(claim.threshold) == judged, claim.id
        assert np.isfinite(claim.threshold_high) == (claim.direction == "within"), claim.id
        assert claim.true_if.endswith("."), claim.id


def test_every_estimand_names_terms_of_its_model(study):
    ols = study.tables["ols"]
    for estimand in study.claims["estimand"]:
        reference = r"model_(\d):(?:effect|standardised)\[([^]]+)\]"
        for model, labels in re.findall(reference, estimand):
            terms = set(ols.loc[ols["model"] == int(model), "term"])
            assert set(labels.split("; ")) <= terms
        rest = re.sub(reference, "x", estimand)
        assert rest in ("", "x", "max_abs(x)", "x - x")


def test_the_ten_other_controls_are_all_but_the_metropolitan_contrast(study):
    claims = study.claims.set_index("id")
    labels = re.search(r"\[(.*)\]", claims.loc["controls-no-support", "estimand"]).group(1).split("; ")
    ols = study.tables["ols"].query("model == 1 and kind != 'constant'")
    assert sorted([*labels, "Metropolitan borough"]) == sorted(ols["term"])


def test_thresholds_that_come_from_printed_numbers_are_what_they_say(study):
    claims = study.claims.set_index("id")["threshold"]
    ols = study.tables["ols"].set_index(["model", "term"])["estimate"]
    spread = study.tables["descriptives"].set_index("variable")["sd"]
    target, stretch = ols[2, "LAA (target on)"], ols[3, "LAA (target stretch)"]
    assert claims["target-r2"] == pytest.approx(target * np.sqrt(0.5), abs=5e-4)
    assert claims["stretch-r2"] == pytest.approx(stretch * np.sqrt(0.5), abs=5e-4)
    assert claims["target-small"] == pytest.approx(stretch * spread["LAA (target stretch)"] / 2, abs=5e-3)
    assert claims["target-small"] == pytest.approx(0.2 * spread["Cohesion 2008"], abs=0.05)


def test_discrepancies_bear_on_claims_and_tables_that_exist(study):
    known = set(study.claims["id"]) | set(study.tables)
    for row in study.tables["discrepancies"].itertuples():
        assert set(row.bears_on.split("; ")) <= known, row.id
    subjects = set(study.tables["discrepancies"]["id"])
    assert {"deprivation-year", "stretch-scale", "nrf-scale"} <= subjects


@besides("sources")
def test_no_text_of_ours_repeats_eight_words_of_the_source(study):
    """A sentence of the source would repeat many more."""
    words = [
        word
        for file in (*SOURCES.glob("000_*.txt"), *SOURCES.glob("001_*.txt"))
        for word in re.findall(r"[\w']+", file.read_text(encoding="utf-8").lower())
    ]
    runs = {tuple(words[i : i + 8]) for i in range(len(words) - 7)}
    for name in ("claims", "discrepancies"):
        frame = study.tables[name].drop(columns="estimand", errors="ignore")
        for text in frame.select_dtypes("str").to_numpy().ravel():
            own = re.findall(r"[\w']+", text.lower())
            assert not runs & {tuple(own[i : i + 8]) for i in range(len(own) - 7)}, text
