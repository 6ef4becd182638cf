"""A table of authorities is read as it stands, or refused with every reason at once."""

import codecs
import datetime
import hashlib
import sys
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayes_targets.comparison.ols import fit_ols
from bayes_targets.errors import DataError, options_as_flags
from bayes_targets.models.cohesion.simulate import simulate_authorities
from bayes_targets.readers.authorities import read_authorities
from cases import SHARED, besides

FILES = SHARED / "cases" / "files"
CONTROLS = ["deprivation", "population"]


def table(**changes: object) -> pd.DataFrame:
    """Twelve authorities that can be read; `changes` are columns, or cells as ``{row: value}``."""
    frame = pd.DataFrame(
        {
            "authority": [f"Area {letter}" for letter in "ABCDEFGHIJKL"],
            "authority_type": ["county", "unitary authority", "London borough"] * 4,
            "baseline": [75.2, 80.0, 71.5, 66.3, 79.9, 82.1, 70.0, 77.7, 68.4, 74.4, 81.0, 73.3],
            "outcome": [74.0, 81.2, 70.5, 68.8, 77.0, 80.0, 71.1, 78.8, 65.0, 73.0, 79.9, 75.0],
            "target": [1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1],
            "stretch": [2.5, 0.0, -1.0, 4.0, 0.0, 0.5, 0.0, 3.0, 1.0, 0.0, 0.0, 2.0],
            "deprivation": [20.1, 15.5, 30.3, 25.0, 11.9, 28.8, 19.0, 22.2, 33.3, 17.0, 14.1, 26.6],
            "population": [5e5, 2e5, 3e5, 6e5, 1.5e5, 2.8e5, 7e5, 1.9e5, 2.2e5, 4e5, 1.1e5, 3.1e5],
        }
    )
    for column, change in changes.items():
        if isinstance(change, dict):
            cells = frame[column].astype(object).to_list()
            for row, value in change.items():
                cells[row - 1] = value
            frame[column] = pd.Series(cells, dtype=object)
        else:
            frame[column] = change
    return frame


def read(frame: object, **options: object) -> xr.Dataset:
    return read_authorities(frame, **({"controls": CONTROLS, "change": "percent"} | options))


def problems(frame: object, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        read(frame, **({"incomplete": "refuse"} | options))
    return str(caught.value)


def csv_file(tmp_path: Path, content: str | bytes, name: str = "mine.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# --- what is read


def test_a_frame_becomes_the_labelled_dataset():
    ds = read(table())
    assert dict(ds.sizes) == {"authority": 12, "control": 2}
    assert set(ds.data_vars) == {"baseline", "outcome", "change", "target", "stretch", "controls"}
    assert set(ds.coords) == {"authority", "authority_type", "control"}
    assert ds["authority_type"].dims == ("authority",)
    assert list(ds["control"].values) == CONTROLS
    assert ds["controls"].sel(authority="Area C", control="deprivation") == 30.3
    assert ds["change"].sel(authority="Area A") == 100 * (74.0 - 75.2) / 75.2
    assert ds["change"].attrs["units"] == "% of the baseline score"
    assert ds.attrs["origin"] == "observed"
    assert ds.attrs["types"] == ["county", "unitary authority", "London borough"]
    assert ds.attrs["n_missing_stretch"] == 0
    assert ds.attrs["notes"] == []
    assert ds.attrs["source"] == "frame"


def test_csv_parquet_and_frame_say_the_same(tmp_path):
    frame = table()
    frame.to_csv(tmp_path / "mine.csv", index=False)
    frame.to_parquet(tmp_path / "mine.parquet")
    expected = read(frame)
    for name in ("mine.csv", "mine.parquet"):
        for source in (tmp_path / name, str(tmp_path / name)):
            ds = read(source)
            assert ds.equals(expected)
            assert ds.attrs["source"] == name
            assert ds.attrs["sha256"] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()


def test_the_frame_that_was_passed_is_left_as_it_was():
    frame = table().set_index("authority")
    before = frame.copy()
    read(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_a_named_index_and_pandas_own_index_column_are_read(tmp_path):
    expected = read(table())
    assert read(table().set_index("authority")).equals(expected)
    assert read(table().set_index(["authority_type", "authority"])).equals(expected)
    table().to_csv(tmp_path / "mine.csv")
    assert read(tmp_path / "mine.csv").equals(expected)


def test_columns_are_mapped_and_others_ignored():
    frame = table().rename(columns={"baseline": "score_2006", "outcome": "score_2008", "target": "laa"})
    mapping = {"score_2006": "baseline", "score_2008": "outcome", "laa": "target"}
    assert read(frame.assign(remark="x"), columns=mapping).equals(read(table()))


def test_a_mapped_column_goes_before_one_that_bears_our_name():
    frame = table().assign(outcome_old=lambda f: f["outcome"], outcome=99.0)
    ds = read(frame, columns={"outcome_old": "outcome"})
    assert (ds["outcome"] == read(table())["outcome"]).all()
    assert "Column 'outcome' was set aside, since 'outcome_old' was mapped to 'outcome'." in ds.attrs["notes"]


def test_the_baseline_can_be_a_control_too():
    ds = read(table(), controls=["baseline"])
    assert (ds["controls"].sel(control="baseline") == ds["baseline"]).all()
    ds = read(
        table().rename(columns={"baseline": "score"}), columns={"score": "baseline"}, controls=["baseline"]
    )
    assert (ds["controls"].sel(control="baseline") == ds["baseline"]).all()


def test_any_set_of_types_and_no_controls_will_do():
    ds = read(table(authority_type=["A", "B", "A+"] * 4), controls=None)
    assert ds.attrs["types"] == ["A", "B", "A+"]
    assert ds.sizes["control"] == 0
    assert list(read(table(authority_type=[1, 2, 3] * 4)).attrs["types"]) == ["1", "2", "3"]


def test_the_types_argument_sets_their_order():
    order = ["London borough", "metropolitan borough", "county", "unitary authority"]
    assert read(table(), types=order).attrs["types"] == ["London borough", "county", "unitary authority"]


def test_a_given_change_is_read_as_it_is():
    change = [1.0, -2, 3, 0, 1, 2, -1, 4, -3, 0, 2, 1]
    ds = read(table(change=change).drop(columns=["baseline", "outcome"]))
    assert list(ds["change"].values) == change
    assert "baseline" not in ds
    assert "outcome" not in ds


def test_a_given_change_may_differ_by_rounding_and_no_more():
    frame = table()
    change = 100 * (frame["outcome"] - frame["baseline"]) / frame["baseline"]
    assert read(frame.assign(change=change)).equals(read(frame))
    assert read(frame.assign(change=change.round(1))).equals(read(frame))
    # The scores themselves are rounded to a tenth, so the change of 75.2 is good to about 0.13.
    assert read(frame.assign(change=change + 0.12)).equals(read(frame))
    off = change.where(change.index != 3, change + 0.5)
    message = problems(frame.assign(change=off))
    assert message.startswith("frame, row 4, column 'change': found ")
    assert message.endswith("expected 3.771, the change from baseline to outcome")


def test_stretch_is_zero_without_a_target_and_kept_missing_with_one():
    ds = read(table(stretch={1: None, 2: None, 4: float("nan"), 5: ""}))
    assert np.isnan(ds["stretch"].values[[0, 3]]).all()
    assert (ds["stretch"].values[[1, 4]] == 0).all()
    assert ds.attrs["n_missing_stretch"] == 2
    assert ds.attrs["notes"] == [
        "The stretch is not known for 2 units with a target, and was kept as missing."
    ]


def test_survey_sizes_become_standard_errors():
    ds = read(table(n_baseline=400, n_outcome=1000))
    p = ds["outcome"].values
    np.testing.assert_allclose(ds["outcome_se"], np.sqrt(p * (100 - p) / 1000))
    # 50% of 400 would have 2.5 points; 80% has 2.
    assert ds["baseline_se"].sel(authority="Area B") == pytest.approx(2.0)
    doubled = read(table(n_baseline=400, n_outcome=1000), design_effect=2.0)
    np.testing.assert_allclose(doubled["baseline_se"], np.sqrt(2) * ds["baseline_se"])
    said = "Standard errors of 'baseline' were computed from 'n_baseline' with a design effect of 2."
    assert said in doubled.attrs["notes"]


def test_given_standard_errors_go_before_survey_sizes():
    ds = read(table(n_baseline=400, baseline_se=1.5))
    assert (ds["baseline_se"] == 1.5).all()
    assert ds.attrs["notes"] == [
        "Standard errors were read from 'baseline_se', and 'n_baseline' was set aside."
    ]


def test_logged_controls_are_renamed():
    ds = read(table(), log=["population"])
    assert list(ds["control"].values) == ["deprivation", "population (log)"]
    np.testing.assert_allclose(ds["controls"].sel(control="population (log)"), np.log(table()["population"]))
    assert ds.attrs["notes"] == ["The natural logarithm was taken of control 'population'."]


def test_true_and_false_are_a_target():
    assert read(table(target=table()["target"] == 1)).equals(read(table()))


def test_a_cross_section_is_read_with_its_further_outcomes():
    frame = table(satisfied=[50.0 + i for i in range(12)]).drop(columns=["baseline", "target", "stretch"])
    ds = read(frame, further_outcomes=["satisfied"])
    assert set(ds.data_vars) == {"outcome", "satisfied", "controls"}
    assert ds["satisfied"].attrs["units"] == "points" and ds.attrs["design"] == "cross-section"
    with pytest.raises(DataError, match="no variable 'target'"):
        fit_ols(ds)
    assert fit_ols(ds, effect=None).attrs["response"] == "outcome"


def test_simulated_authorities_come_back_from_a_csv_as_they_went(tmp_path):
    made = simulate_authorities(
        {"county": 20, "unitary": 30},
        coefficients={"age": 1.0},
        survey_se=2.0,
        n_missing_stretch=4,
        seed=2,
    )
    frame = made.drop_vars(["controls", "control"]).to_dataframe()
    frame["age"] = made["controls"].sel(control="age").values
    frame.to_csv(tmp_path / "made.csv")
    back = read_authorities(tmp_path / "made.csv", controls=["age"], origin="simulated", change="percent")
    xr.testing.assert_allclose(back, made)
    assert back.attrs["origin"] == "simulated"
    assert back.attrs["n_missing_stretch"] == 4


def test_the_dataset_can_be_stored(tmp_path):
    ds = read(table(), log=["population"])
    ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as back:
        assert back.equals(ds)


def test_types_that_look_alike_by_intent_are_left_alone():
    for pair in (["North East", "North West"], ["eastern", "western"], ["type 1", "type 2"], ["A", "A+"]):
        assert read(table(authority_type=[*pair, *[pair[0]] * 10])).attrs["types"] == pair
    spelt = ["county", *["country"] * 11]
    assert "did you mean 'country'" in problems(table(authority_type=spelt))
    assert read(table(authority_type=spelt), types=["county", "country"]).sizes["authority"] == 12


@besides("data/authorities_2008.csv")
def test_the_shared_authorities_of_2008_are_read():
    ds = read_authorities(
        SHARED / "data" / "authorities_2008.csv",
        columns={"cohesion_2008": "outcome"},
        controls=["deprivation_2007", "population_2001", "density_2001", "nrf"],
        log=["population_2001", "density_2001"],
        further_outcomes=["satisfied_2008", "belonging_2008"],
    )
    assert ds.sizes["authority"] == 150
    # Andrews, Downe & Guarneros-Meza (2014), Table 1: cohesion in 2008.
    assert float(ds["outcome"].mean()) == pytest.approx(75.16, abs=0.005)
    assert float(ds["outcome"].std(ddof=1)) == pytest.approx(6.60, abs=0.005)
    assert float(ds["outcome"].min()) == 49.1
    assert float(ds["outcome"].max()) == 87.6
    counts = dict(zip(*np.unique(ds["authority_type"].values, return_counts=True), strict=True))
    assert sorted(counts.values()) == [27, 32, 36, 55]
    assert "change" not in ds
    assert {"satisfied_2008", "belonging_2008"} < set(ds.data_vars)


# --- units, scales and words


def test_the_change_is_in_points_or_in_per_cent_of_the_baseline_and_says_which():
    points, percent = read(table(), change="points"), read(table())
    np.testing.assert_allclose(points["change"], points["outcome"] - points["baseline"])
    np.testing.assert_allclose(percent["change"], 100 * points["change"] / points["baseline"])
    assert read_authorities(table(), controls=CONTROLS).equals(points)
    assert (points["change"].attrs["units"], points.attrs["change"]) == ("points", "points")
    assert (percent["change"].attrs["units"], percent.attrs["change"]) == (
        "% of the baseline score",
        "percent",
    )
    with pytest.raises(DataError, match="change: found 'per cent'; did you mean 'percent'"):
        read(table(), change="per cent")


def test_scores_of_any_size_and_sign_have_a_change_in_points():
    frame = table(baseline=table()["baseline"] * 100 - 7500, outcome=table()["outcome"] * 100 - 7500)
    np.testing.assert_allclose(read(frame, change="points")["change"].values[:2], [-120, 120])
    assert "holds scores of 0 or less in 6 rows, first row 3: '-350'; expected a score above 0" in problems(
        frame
    )
    frame = table(baseline={1: "£1,234.5"}, outcome={1: "£1,300.0"})
    ds = read(frame, change="points")
    assert ds["change"].values[0] == 65.5 and ds["change"].attrs["units"] == "£"


def test_shares_are_multiplied_by_100_and_it_is_said():
    frame = table(baseline=table()["baseline"] / 100, outcome=table()["outcome"] / 100, n_baseline=400)
    ds = read(frame, change="points")
    np.testing.assert_allclose(ds["baseline"], table()["baseline"])
    assert (
        "'baseline' and 'outcome' hold shares of 0 to 1, which were multiplied by 100." in ds.attrs["notes"]
    )
    assert ds["change"].attrs["units"] == "percentage points" and ds.attrs["outcome_unit"] == "%"
    # 80% of 400 has a standard error of 2 percentage points, whichever way the share was written.
    assert ds["baseline_se"].values[1] == pytest.approx(2.0)
    rates = read(frame, change="points", words={"outcome_unit": "admissions a head"})
    np.testing.assert_allclose(rates["baseline"], table()["baseline"] / 100)
    assert rates["change"].attrs["units"] == "admissions a head"


@pytest.mark.parametrize("others", [{5: 4.0, 8: 6.0}, {5: 104.0}])
def test_one_share_is_said_where_the_other_scores_are_of_all_sizes(others):
    half = np.median(table(baseline=others)["baseline"].drop(2).astype(float))
    said = (
        f"'Area C' (row 3) has 0.45 in column 'baseline', where half of the others are above {half:.4g}: read as it stands; "
        "correct it if it is a share of 0 to 1."
    )
    assert said in read(table(baseline={3: 0.45} | others)).attrs["notes"]
    assert not any("share of 0" in note for note in read(table(baseline=others)).attrs["notes"])
    signed = {row: f"{value}%" for row, value in enumerate(table(baseline=others)["baseline"], start=1)}
    assert not any(
        "share of 0" in note for note in read(table(baseline=signed | {3: "0.45%"})).attrs["notes"]
    )


def test_two_scales_in_one_table_are_refused():
    frame = table(outcome=table()["outcome"] / 100)
    assert (
        "'baseline' goes up to 82.1 and 'outcome' to 0.812, expected both in per cent or both as shares"
        in problems(frame)
    )
    message = problems(table(outcome={3: 0.705, 7: 0.711}))
    assert "column 'outcome': holds what look like shares in 2 rows, first row 3: '0.705'" in message
    cells = [f"{x}%" for x in table()["outcome"]]
    assert read(table(outcome=cells)).attrs["outcome_unit"] == "%"
    assert "expected a percentage, as where a per cent sign is printed" in problems(
        table(outcome=[*cells[:-1], "0.75"])
    )


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        ("yes", "no"),
        ("Y", "N"),
        ("TRUE", "FALSE"),
        ("1", "0"),
        (1.0, 0.0),
        (True, False),
        (" Yes ", "No"),
        ("Ja", "Nein"),
        ("ja", "nej"),
        ("oui", "non"),
        ("Sí", "No"),
    ],
)
def test_a_target_is_yes_or_no_in_any_of_their_forms(yes, no):
    frame = table(target=[yes if one else no for one in table()["target"]])
    assert read(frame).equals(read(table()))


@pytest.mark.parametrize(
    "date", ["2007-04-01", "01/04/2007", "April 2007", "1 Apr 2007", "2007", pd.Timestamp(2007, 4, 1)]
)
def test_a_date_of_adoption_is_a_target(date):
    ds = read(table(target=[date if one else None for one in table()["target"]]))
    assert ds.equals(read(table()))
    assert ds.attrs["notes"][0].startswith(
        "Column 'target' holds dates: the 7 units with a date were read as having a target"
    )


def test_dates_of_an_excel_file_are_targets_and_names_of_columns(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(
        ["School", "Region", datetime.date(2019, 1, 1), datetime.date(2022, 1, 1), "Plan since", "Pupils"]
    )
    for i in range(12):
        since = datetime.date(2020, 9, 1) if i % 2 else None
        book.active.append(
            [f"School {i}", ["North", "South", "East"][i % 3], 60 + i / 7, 61 + i / 5, since, 200 + i * i]
        )
    book.save(tmp_path / "mine.xlsx")
    names = {
        "School": "authority",
        "Region": "authority_type",
        "2019-01-01": "baseline",
        "2022-01-01": "outcome",
        "Plan since": "target",
    }
    ds = read_authorities(tmp_path / "mine.xlsx", columns=names, controls=["Pupils"])
    assert ds["target"].values.tolist() == [0.0, 1.0] * 6 and ds["controls"].values[3, 0] == 209
    assert ds.attrs["before_words"] == "2019-01-01"


def test_spellings_of_one_type_are_one_type_and_said():
    types = [
        "Médecine",
        "Acute [r]",
        "Acute ",
        "M\u00e9decine",
        "acute",
        "ACUTE",
        "Me\u0301decine",
        "Acute",
        "Acute",
        *["Médecine"] * 3,
    ]
    ds = read(table(authority_type=types), change="points")
    assert ds.attrs["types"] == ["Médecine", "Acute"]
    assert ds.attrs["notes"] == [
        "In column 'authority_type', 'Médecine', 'Acute' are written in several ways that look alike (spaces, or forms of accented "
        "letters); each was read as one.",
        "In column 'authority_type', 'Acute [r]' and 'acute' and 'ACUTE' were read as 'Acute'.",
    ]
    assert read(table(authority_type=["A", "A*", "B"] * 4)).attrs["types"] == ["A", "A*", "B"]


def test_rows_that_lack_a_value_are_left_out_counted_and_named():
    frame = table(outcome={2: "-", 5: "[c]"}, deprivation={5: "NA"}, target={7: ".."}, authority_type={9: ""})
    ds = read(frame)
    assert ds.sizes["authority"] == 8
    assert ds.attrs["notes"] == [
        "4 of 12 rows lack a value that the model needs and were left out (missing: 'authority_type' in 1, 'outcome' in 2, "
        "'target' in 1, 'deprivation' in 1)."
    ]
    assert ds.attrs["left_out"] == [
        "Area B: no value of outcome", "Area E: no value of outcome, deprivation", "Area G: no value of target",
        "Area I: no value of authority_type",
    ]  # fmt: skip
    assert read(table(outcome={3: "n.k."}), missing=["n.k."]).attrs["left_out"] == [
        "Area C: no value of outcome"
    ]
    assert (
        "column 'outcome': holds nothing in 2 rows, first row 2: '-'; expected a number, not an empty cell"
        in problems(frame)
    )
    assert "no row has a value in every column that is needed; missing: 'outcome' in 12" in problems(
        table(outcome="-"), incomplete="drop"
    )


def test_a_number_that_means_missing_is_missing_in_every_kind_of_table(tmp_path):
    frame = table(outcome={2: -99.0, 5: 999}, deprivation={6: -99})
    frame.to_excel(tmp_path / "mine.xlsx", index=False)
    path = csv_file(tmp_path, frame.to_csv(index=False))
    typed = frame.astype({"outcome": float, "deprivation": float})
    for source in (frame, typed, path, tmp_path / "mine.xlsx"):
        assert read(source, missing=["-99", 999]).attrs["left_out"] == [
            "Area B: no value of outcome", "Area E: no value of outcome", "Area F: no value of deprivation",
        ]  # fmt: skip


@pytest.mark.parametrize("code", [-99, -999, 999, 9999])
def test_a_number_that_often_means_missing_is_asked_about_where_it_is_far_from_all_others(code):
    message = problems(table(deprivation={3: code}))
    assert (
        f"column 'deprivation': found '{code}', expected a number near the others (11.9 to 33.3)" in message
    )
    assert f"if it says that there is none, give missing=['{code}']" in message
    assert read(table(baseline={3: 99.0}, outcome={3: 98.0})).sizes["authority"] == 12


def test_controls_of_words_become_columns_of_0_and_1_beside_a_named_one():
    ds = read(
        table(settlement=["urban", "rural", "urban", "coast"] * 3, nrf=["Y", "N", "N"] * 4),
        controls=["settlement"],
    )
    assert list(ds["control"].values) == ["settlement: rural", "settlement: coast"]
    assert ds["controls"].sel(control="settlement: coast").values[:4].tolist() == [0, 0, 0, 1]
    assert ds.attrs["notes"] == [
        "Control 'settlement' holds words: 2 of its 3 became columns of 0 and 1, beside 'urban'."
    ]
    flags = read(table(nrf=["Y", "N", "N", "N"] * 3), controls=["nrf"])
    assert flags["controls"].values[:4, 0].tolist() == [1, 0, 0, 0]
    assert "holds text in 6 rows, first row 2: 'x'" in problems(table(mixed=[1, "x"] * 6), controls=["mixed"])


def test_total_and_average_rows_are_left_out_or_asked_about():
    def with_row(name, **cells):
        return pd.concat(
            [table(), pd.DataFrame([{"authority": name, "authority_type": "county"} | cells])],
            ignore_index=True,
        )

    mean = {"baseline": 74.98, "outcome": 74.53, "target": 0}
    total = {
        "baseline": 75.0,
        "outcome": 74.7,
        "target": 1,
        "population": table()["population"].sum(),
        "deprivation": 22.0,
    }
    for name, cells in (
        ("England", total),
        ("Average", mean | {"population": 3e5, "deprivation": 22}),
        ("Total", total),
    ):
        ds = read(with_row(name, **cells))
        assert ds.sizes["authority"] == 12, name
        assert ds.attrs["notes"][0] == f"Row {name!r} was left out as a total or average of the others."
    asked = problems(
        with_row("England", baseline=60.0, outcome=66.0, target=1, population=5e5, deprivation=22.0)
    )
    assert (
        "row 13, column 'authority': found 'England', expected a unit, and this looks like a total" in asked
    )
    assert read(with_row("England", **total), totals=["England"]).sizes["authority"] == 12
    assert read(with_row("England", **total), totals=[]).sizes["authority"] == 13


def long_table():
    frame = table()
    parts = [
        frame.assign(year=2006, score=frame["baseline"]),
        frame.assign(year=2007, score=1.0),
        frame.assign(year=2008, score=frame["outcome"]),
    ]
    return (
        pd.concat(parts).drop(columns=["baseline", "outcome", "stretch"]).sort_values(["authority", "year"])
    )


def test_a_table_in_long_form_is_pivoted():
    ds = read(long_table(), columns={"score": "outcome"}, period="year", before=2006, after=2008)
    expected = read(table().drop(columns="stretch"))
    assert ds.equals(expected)
    assert ds.attrs["notes"] == ["Rows of 1 other period in column 'year' were left out."]
    assert (ds.attrs["before_words"], ds.attrs["after_words"], ds.attrs["outcome_words"]) == (
        "2006",
        "2008",
        "score",
    )
    two = long_table().query("year != 2007")
    assert read(two, columns={"score": "outcome"}, period="year").equals(expected)
    gone = read(two.iloc[1:], columns={"score": "outcome"}, period="year")
    assert gone.attrs["left_out"] == ["Area A: no value of score (2006)"]


def test_a_table_that_looks_long_is_asked_about_with_the_command():
    message = problems(long_table(), columns={"score": "outcome"})
    assert (
        "frame: looks like long form, since 12 names have 36 rows, which differ in column 'year' (2006, 2007, 2008); give "
        "period='year', before='2006', after='2008'" in message
    )
    with options_as_flags():
        message = problems(long_table(), columns={"score": "outcome"})
    assert "give --period year --before 2006 --after 2008" in message
    for options, message in (
        ({"period": "yeer"}, "period: no column 'yeer'; did you mean 'year'?"),
        ({"period": "year"}, "column 'year': before is '', expected one of '2006', '2007', '2008'"),
        ({"period": "year", "before": 2005, "after": 2008}, "before is '2005', expected one of '2006'"),
        ({"period": "year", "before": 2008, "after": 2008}, "before and after are both '2008'"),
        (
            {"period": "year", "before": 2006, "after": 2008, "columns": {}},
            "with a period, expected the columns",
        ),
    ):
        assert message in problems(long_table(), **({"columns": {"score": "outcome"}} | options))
    twice = pd.concat([long_table(), long_table().iloc[:1]])
    assert "found 'Area A', expected each unit once in period '2006'" in problems(
        twice, columns={"score": "outcome"}, period="year", before=2006, after=2008
    )


def test_the_users_own_words_come_from_options_header_lines_or_columns(tmp_path):
    names = {
        "baseline": "score_2006",
        "outcome": "score_2008",
        "authority": "Trust",
        "authority_type": "Region",
    }
    frame = table().rename(columns=names)
    ds = read(frame, columns={theirs: ours for ours, theirs in names.items()})
    words = (
        "unit_word",
        "type_word",
        "outcome_words",
        "before_words",
        "after_words",
        "outcome_unit",
        "target_words",
    )
    assert [ds.attrs[word] for word in words] == [
        "trust",
        "region",
        "score",
        "score_2006",
        "score_2008",
        "",
        "target",
    ]
    lines = "# unit: hospital\n# outcome: waiting time\n# outcome unit: days\n# change: points\n# controls: deprivation\n"
    ds = read_authorities(csv_file(tmp_path, lines + table().to_csv(index=False)), words={"type": "area"})
    assert [ds.attrs[word] for word in words[:3]] == ["hospital", "area", "waiting time"]
    assert ds["change"].attrs["units"] == "days" and list(ds["control"].values) == ["deprivation"]
    with pytest.raises(DataError, match="words: 'units' is not among the words; did you mean 'unit'"):
        read(table(), words={"units": "x"})


def test_columns_found_and_wanted_are_shown_side_by_side_with_a_command():
    frame = table().rename(
        columns={
            "authority": "Org Code",
            "authority_type": "Region",
            "baseline": "rate Jan-23",
            "outcome": "rate Jan-25",
            "target": "FT",
        }
    )[["Org Code", "Region", "rate Jan-23", "rate Jan-25", "FT"]]
    assert (
        "if they are what they look like, give columns={'Org Code': 'authority', 'Region': 'authority_type', 'FT': 'target', "
        "'rate Jan-23': 'baseline', 'rate Jan-25': 'outcome'}" in problems(frame, controls=None)
    )
    with options_as_flags():
        assert (
            "give --columns 'Org Code=authority' Region=authority_type FT=target 'rate Jan-23=baseline' "
            "'rate Jan-25=outcome'" in problems(frame, controls=None)
        )


def test_names_are_guessed_before_codes_and_long_form_is_seen_without_a_mapping():
    frame = table().rename(columns={"authority": "name", "authority_type": "kind"}).drop(columns="target")
    frame.insert(0, "code", [f"E0{i}" for i in range(12)])
    assert "columns={'name': 'authority', 'kind': 'authority_type'}" in problems(
        frame.drop(columns="stretch"), controls=None
    )
    message = problems(long_table().rename(columns={"authority": "School"}), controls=None)
    assert (
        "it looks like long form, since 12 names have 36 rows, which differ in column 'year' (2006, 2007, 2008)"
        in message
    )
    assert (
        "give columns={'School': 'authority', 'COLUMN': 'outcome'}, where COLUMN holds the score" in message
    )


def test_percentages_are_known_by_the_names_of_their_columns():
    names = {"baseline": "Percentage 2019", "outcome": "Percentage 2022"}
    ds = read(
        table().rename(columns=names),
        columns={theirs: ours for ours, theirs in names.items()},
        change="points",
    )
    assert ds["change"].attrs["units"] == "percentage points" and ds.attrs["outcome_words"] == "Percentage"
    assert "The scores were taken for percentages, as the names of their columns say." in ds.attrs["notes"]


NHS = {
    "Org Code": "authority", "Region": "authority_type", "FT": "target", "4hr Jan-23": "baseline", "4hr Jan-25": "outcome"
}  # fmt: skip
RIGHT = {
    "nhs_four_hours.csv": (170, (-0.030, 0.801), (0.169, 1.245)),
    "nhs_semicolon_comma.csv": (170, (-0.030, 0.801), (0.169, 1.245)),
    "nhs_percent.csv": (170, (-0.037, 0.802), (0.159, 1.246)),
    "nhs.xlsx": (170, (-0.029, 0.801), (0.170, 1.245)),
    "nhs_share_missing.csv": (170, (-0.029, 0.801), (0.170, 1.245)),
}


@besides("cases/files/nhs.xlsx")
@pytest.mark.parametrize("file", list(RIGHT))
def test_patients_within_four_hours_are_read_from_every_form_of_the_file(file):
    n, *right = RIGHT[file]
    for change, answer in zip(("points", "percent"), right, strict=True):
        ds = read_authorities(FILES / file, columns=NHS, change=change)
        row = fit_ols(ds, effect="target").loc["target"]
        assert ds.sizes["authority"] == n and len(ds.attrs["types"]) == 7
        assert (row["estimate"], row["se"]) == (
            pytest.approx(answer[0], abs=5e-4),
            pytest.approx(answer[1], abs=5e-4),
        )
    if file in ("nhs.xlsx", "nhs_share_missing.csv"):
        assert len(ds.attrs["left_out"]) == 23 and "RC9: no value of 4hr Jan-23" in ds.attrs["left_out"]


@besides("cases/files/points.csv")
@pytest.mark.parametrize("file", ["points.csv", "windows1252.csv"])
def test_a_target_of_three_points_on_a_baseline_of_thirty_is_three_points(file):
    row = fit_ols(read_authorities(FILES / file), effect="target").loc["target"]
    assert (row["estimate"], row["se"]) == (pytest.approx(3.008, abs=5e-4), pytest.approx(0.128, abs=5e-4))


@besides("cases/files/recycling_cross_section.csv")
def test_recycling_rates_are_a_cross_section_by_type():
    names = {
        "household_recycle_rate": "outcome",
        "collection_type": "authority_type",
        "local_authority": "authority",
    }
    ds = read_authorities(FILES / "recycling_cross_section.csv", columns=names)
    assert ds.attrs["design"] == "cross-section" and ds.sizes["authority"] == 41 and "change" not in ds
    means = ds["outcome"].groupby("authority_type").mean()
    difference = means - means.sel(authority_type="Co-Mingled")
    assert difference.sel(authority_type="Two Stream") == pytest.approx(-2.33, abs=0.005)
    assert difference.sel(authority_type="Multi-Stream") == pytest.approx(1.94, abs=0.005)


@besides("data/cpa_gcse.csv")
def test_scores_of_schools_and_council_taxes_of_the_same_authorities_are_read():
    data = SHARED / "data"
    gcse = read_authorities(data / "cpa_gcse.csv", controls=["baseline"])
    row = fit_ols(gcse, effect="target", cov_type="HC3").loc["target"]
    assert (row["estimate"], row["se"]) == (pytest.approx(9.39, abs=0.005), pytest.approx(0.87, abs=0.005))
    tax = read_authorities(data / "cpa_counciltax.csv", words={"outcome_unit": "£"})
    assert tax.sizes["authority"] == 164 and tax["change"].attrs["units"] == "£"


def test_many_rows_and_types_are_read_in_little_time():
    rng = np.random.default_rng(1)
    n = 20_000
    frame = pd.DataFrame(
        {
            "authority": [f"unit {i}" for i in range(n)],
            "authority_type": [f"type {i % 3000}" for i in range(n)],
            "baseline": rng.normal(50, 10, n),
            "outcome": rng.normal(52, 10, n),
            "target": rng.integers(0, 2, n),
            "age": rng.normal(size=n),
        }
    )
    import time

    start = time.process_time()
    ds = read_authorities(frame, controls=["age"])
    assert len(ds.attrs["types"]) == 3000 and time.process_time() - start < 10


# --- what is refused

CASES = {
    "duplicate authority": (
        {"authority": {3: "area a "}},
        {},
        "row 3, column 'authority': found 'area a ', expected each authority once (it stands in row 1 too)",
    ),
    "authority without a name": (
        {"authority": {2: None}},
        {},
        "row 2, column 'authority': found '', expected a n",
    ),
    "percentage above 100 with a survey size": (
        {"outcome": {2: 101}, "n_outcome": 400},
        {},
        "row 2, column 'outcome': found '101', expected a percentage from 0 to 100, since its survey size is given",
    ),
    "percentage below 0 with a survey size": (
        {"outcome": {2: -1}, "n_outcome": 400},
        {},
        "row 2, column 'outcome': found '-1', expected a percentage",
    ),
    "baseline 0": ({"baseline": {5: 0}}, {}, "row 5, column 'baseline': found '0', expected a score above 0"),
    "baseline next to 0": (
        {"baseline": {5: 1e-320}},
        {},
        "row 5, column 'baseline': found '1e-320', expected a",
    ),
    "target 2": ({"target": {4: 2}}, {}, "row 4, column 'target': found '2', expected 0 or 1"),
    "target maybe": (
        {"target": {4: "maybe"}},
        {},
        "row 4, column 'target': found 'maybe', expected a number",
    ),
    "target missing": (
        {"target": {4: None}},
        {},
        "row 4, column 'target': found '', expected a number, not an",
    ),
    "stretch without target": (
        {"stretch": {2: 1.5}},
        {},
        "row 2, column 'stretch': found '1.5', expected 0 (or nothing) where target is 0",
    ),
    "not a number": ({"outcome": {6: "abc"}}, {}, "row 6, column 'outcome': found 'abc', expected a number"),
    "thousands separator": (
        {"population": {6: "1,000"}},
        {},
        "row 6, column 'population': found '1,000', expected one reading; it can be a thousand or a thousandth",
    ),
    "a word": ({"stretch": {1: "some"}}, {}, "row 1, column 'stretch': found 'some', expected a number"),
    "a number in brackets": (
        {"outcome": {1: "(61.2)"}},
        {},
        "row 1, column 'outcome': found '(61.2)', expected a number",
    ),
    "a date": ({"outcome": {6: pd.Timestamp(0)}}, {}, "row 6, column 'outcome': found '1970-01-01 00:00:00'"),
    "infinite": (
        {"deprivation": {7: np.inf}},
        {},
        "row 7, column 'deprivation': found 'inf', expected a finite",
    ),
    "infinite stretch": (
        {"stretch": {1: "-inf"}},
        {},
        "row 1, column 'stretch': found '-inf', expected a finite",
    ),
    "missing control": (
        {"deprivation": {7: ""}},
        {},
        "row 7, column 'deprivation': found '', expected a number",
    ),
    "missing outcome": ({"outcome": {7: np.nan}}, {}, "row 7, column 'outcome': found '', expected a number"),
    "one type only": (
        {"authority_type": "county"},
        {},
        "column 'authority_type': found one type only, 'county', expected two or more",
    ),
    "no variation in the outcome": (
        {"baseline": 50.0, "outcome": 60.0},
        {},
        "column 'change': every value is 20, expected some variation",
    ),
    "no variation in the target": (
        {"target": 1},
        {},
        "column 'target': every value is 1, expected some variation",
    ),
    "no stretch known": (
        {"stretch": [None] * 12, "target": 1},
        {},
        "column 'stretch': no value is known, expected some variation",
    ),
    "no variation in a control": (
        {"deprivation": 3.0},
        {},
        "control 'deprivation': every value is 3, expected some variation",
    ),
    "collinear controls": (
        {"double": table()["deprivation"] * 2 + 1},
        {"controls": ["deprivation", "population", "double"]},
        "control double: an exact linear combination of control deprivation (and a constant)",
    ),
    "control that says the type": (
        {"is_county": [1, 0, 0] * 4},
        {"controls": ["is_county"]},
        "control is_county: an exact linear combination of type unitary authority, type London borough (and a constant)",
    ),
    "target that says the type": (
        {"target": [1, 0, 0] * 4, "stretch": [2.0, 0, 0, 1.0, 0, 0] * 2},
        {},
        "target: an exact linear combination of type unitary authority, type London borough",
    ),
    "unknown type": (
        {"authority_type": {3: "London boro"}},
        {"types": ["county", "unitary authority", "London borough"]},
        "row 3, column 'authority_type': found 'London boro', expected one of types; did you mean 'London b",
    ),
    "type misspelt once": (
        {"authority_type": {2: "unitary authorty"}},
        {},
        "row 2, column 'authority_type': found 'unitary authorty', expected one spelling of each type; did",
    ),
    "type missing": (
        {"authority_type": {2: ""}},
        {},
        "row 2, column 'authority_type': found '', expected a name",
    ),
    "type that is a list": (
        {"authority_type": {2: ["county"]}},
        {},
        "row 2, column 'authority_type': found \"['county']\", expected a name",
    ),
    "standard error 0": (
        {"baseline_se": [0.0, *[1.0] * 11]},
        {},
        "row 1, column 'baseline_se': found '0', exp",
    ),
    "survey size 0": (
        {"n_outcome": [0, *[9] * 11]},
        {},
        "row 1, column 'n_outcome': found '0', expected a number",
    ),
    "survey of 100%": (
        {"n_outcome": 500, "outcome": {3: 100}},
        {},
        "row 3, column 'outcome': found '100', expected a score above 0 and below 100",
    ),
    "logarithm of 0": (
        {"population": {8: 0}},
        {"log": ["population"]},
        "row 8, column 'population': found '0', expected a number above 0, to take the logarithm of",
    ),
    "control named as a type": (
        {"county": table()["deprivation"]},
        {"controls": ["county"]},
        "controls: 'county' is an authority type too",
    ),
    "target as a control": ({}, {"controls": ["target"]}, "controls: 'target' is a name of ours"),
    "control twice": (
        {},
        {"controls": ["population", "population"]},
        "controls: 'population' is listed twice",
    ),
    "unknown control": (
        {},
        {"controls": ["popluation"]},
        "no column 'popluation'; did you mean 'population'?",
    ),
    "unknown further outcome": (
        {},
        {"further_outcomes": ["x1"]},
        "further_outcomes: no column 'x1'; known: ",
    ),
    "further outcome of our name": ({}, {"further_outcomes": ["outcome"]}, "'outcome' is a name of ours"),
    "mapped from nothing": (
        {},
        {"columns": {"outcom": "outcome"}},
        "columns: no column 'outcom'; did you mean 'outcome'?",
    ),
    "mapped to nothing": (
        {"x": 1.0},
        {"columns": {"x": "strech"}},
        "columns: 'strech' is not a column of ours; did you mean 'stretch'?",
    ),
    "mapped twice": (
        {"x": 1.0, "y": 2.0},
        {"columns": {"x": "change", "y": "change"}},
        "columns: 'x' and 'y' both become 'change', expected one",
    ),
    "log of no control": ({}, {"log": ["density"]}, "log: 'density' is not one of the controls"),
    "controls as one text": (
        {},
        {"controls": "population"},
        "controls: found 'population', expected a list of n",
    ),
    "controls of numbers": ({}, {"controls": [1]}, "controls: found 1, expected a list of names"),
    "unknown origin": ({}, {"origin": "simulation"}, "origin: found 'simulation'; did you mean 'simulated'?"),
    "design effect 0": ({}, {"design_effect": 0}, "design_effect: found 0, expected a number above 0"),
}


@pytest.mark.parametrize(("changes", "options", "message"), CASES.values(), ids=list(CASES))
def test_a_violation_is_told_with_its_place_and_what_was_expected(changes, options, message):
    assert message in problems(table(**changes), **options)


@pytest.mark.parametrize(
    ("drop", "message"),
    [
        (["authority"], "column 'authority': missing"),
        (["authority_type"], "column 'authority_type': missing"),
        (["outcome"], "column 'outcome': missing, expected baseline and outcome, or change, or"),
        (["target"], "column 'target': missing, expected target (0 or 1) beside stretch"),
    ],
)
def test_a_missing_column_is_named(drop, message):
    assert message in problems(table().drop(columns=drop))


def test_names_are_read_from_a_column_of_different_words_where_they_are_all_that_is_missing():
    frame = table().rename(columns={"authority": "Trust"}).assign(code=[f"E{i:03}" for i in range(12)])
    read = read_authorities(frame)
    assert read["authority"].values.tolist() == table()["authority"].tolist()
    assert "Names are read from column 'Trust', which holds another one in each row." in read.attrs["notes"]


def test_a_standard_error_without_its_score_is_refused():
    frame = table(change=range(12), baseline_se=1.0, n_outcome=100).drop(columns=["baseline", "outcome"])
    message = problems(frame)
    assert "column 'baseline': missing, expected the score beside baseline_se" in message
    assert "column 'outcome': missing, expected the score beside n_outcome" in message


def test_a_column_that_nearly_bears_our_name_is_not_passed_over():
    assert read(table().assign(outcomes="x")).equals(read(table()))
    message = problems(table().rename(columns={"target": "Targt", "stretch": "Stretch"}))
    assert "column 'Targt': not a column of ours; did you mean 'target'? Then give" in message
    assert "column 'Stretch': not a column of ours; did you mean 'stretch'?" in message


def test_not_more_authorities_than_terms_is_told_with_both_numbers():
    message = problems(table().iloc[:6])
    assert "found 6 authorities, expected more than the 6 regression terms" in message
    assert read(table().iloc[:7]).sizes["authority"] == 7


def test_one_type_is_read_where_it_is_allowed():
    assert read(table(authority_type="county"), allow_one_type=True).attrs["types"] == ["county"]


def test_a_message_names_the_users_own_column():
    frame = table(outcome={2: "x"}).rename(columns={"outcome": "score_2008"})
    assert "row 2, column 'score_2008': found 'x'" in problems(frame, columns={"score_2008": "outcome"})


def test_all_violations_are_told_at_once(tmp_path):
    frame = table(
        authority={3: "Area A"},
        authority_type={2: "unitary authorty"},
        baseline={5: 0},
        outcome={6: "abc"},
        target={4: 3},
        stretch={2: 1.5},
        deprivation=3.0,
    )
    frame.to_csv(tmp_path / "mine.csv", index=False)
    message = problems(tmp_path / "mine.csv", log=["deprivation"], columns={"x": "change"})
    assert message.startswith("mine.csv: 8 problems\n- mine.csv, ")
    for part in (
        "no column 'x'",
        "row 3, column 'authority'",
        "row 2, column 'authority_type'",
        "row 5, column 'baseline'",
        "row 6, column 'outcome'",
        "row 4, column 'target'",
        "row 2, column 'stretch'",
        "control 'deprivation': every value is 3",
    ):
        assert part in message


def test_many_wrong_cells_of_one_kind_are_one_message():
    message = problems(table(outcome={1: "x", 4: "y", 5: ""}, baseline="x"))
    assert "frame, column 'baseline': holds text in 12 rows, first row 1: 'x'; expected a number" in message
    assert "frame, column 'outcome': holds text in 2 rows, first row 1: 'x'; expected a number" in message
    assert "frame, row 5, column 'outcome': found '', expected a number, not an empty cell" in message


# --- files


def test_a_byte_order_mark_blank_lines_at_the_end_and_any_line_end_are_tolerated(tmp_path):
    text = table().to_csv(index=False)
    expected = read(table())
    assert read(csv_file(tmp_path, codecs.BOM_UTF8 + text.encode())).equals(expected)
    assert read(csv_file(tmp_path, text + "\n,,,,,,,\n\n")).equals(expected)
    assert read(csv_file(tmp_path, text.replace("\n", "\r\n"))).equals(expected)
    assert read(csv_file(tmp_path, text.replace("authority,", " authority ,", 1))).equals(expected)


def test_windows_1252_is_read_and_said(tmp_path):
    text = table(authority={3: "Ynys Môn"}).to_csv(index=False)
    ds = read(csv_file(tmp_path, text.encode("windows-1252")))
    assert "Ynys Môn" in ds["authority"].values
    assert ds.attrs["notes"] == ["The file is not UTF-8 and was read as Windows-1252 (first: 'Môn')."]
    assert read(csv_file(tmp_path, text)).equals(ds)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "mine.csv: found an empty file"),
        ("\n\n", "mine.csv: found an empty file"),
        ("authority,change\n", "mine.csv: found a header and no rows"),
        ("a,b\n1,2\n1,2,3\n1\n", "mine.csv, row 2: found '3 cells', expected 2"),
        ("a,b\n1,2\n1,2,3\n1\n", "mine.csv, row 3: found '1 cells', expected 2"),
        ("a,b,a\n1,2,3\n", "mine.csv, header: found 'a' 2 times, expected each column name once"),
        ('a,b\n"1,2\n', "mine.csv, line 2: unexpected end of data"),
    ],
)
def test_a_broken_file_is_refused(tmp_path, content, message):
    assert message in problems(csv_file(tmp_path, content))


def test_a_file_that_is_not_there_or_of_another_kind_is_refused(tmp_path):
    assert "nothing.csv: No such file" in problems(tmp_path / "nothing.csv")
    assert "Is a directory" in problems(tmp_path)
    assert "embedded null" in problems("a\0b.csv")
    assert "found a .doc file, expected .csv, .tsv" in problems(csv_file(tmp_path, "x", "mine.doc"))
    assert "found int, expected the path of a table" in problems(3)
    assert "mine.parquet: not a Parquet file" in problems(csv_file(tmp_path, "x" * 50, "mine.parquet"))


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    table().to_parquet(tmp_path / "mine.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "reading Parquet needs the package pyarrow" in problems(tmp_path / "mine.parquet")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame(), "found no rows"),
        (table().iloc[:0], "found no rows"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' 2 times"),
        (pd.DataFrame([[1, 2]]), "found column names 0, 1, expected text"),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "several levels"),
    ],
)
def test_a_frame_of_the_wrong_shape_is_refused(frame, message):
    assert message in problems(frame)


def test_the_name_given_opens_every_message():
    assert problems(table(target={4: 2}), name="survey 2008").startswith("survey 2008, row 4")


# --- whatever comes

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["", " ", "NaN", "inf", "1e400", "-0", "1_000", "٣", "0x1", "county", "Area A", 0, 100]),
    st.sampled_from(
        [pd.NA, pd.NaT, pd.Timestamp(0), 1j, b"7", (), np.float32(2), np.datetime64(0, "s"), 10**400]
    ),
)
FUZZ = settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@st.composite
def malformed(draw: st.DrawFn) -> pd.DataFrame:
    """The good table with cells replaced, rows repeated or dropped, columns dropped, renamed or repeated."""
    frame = table(n_baseline=300, outcome_se=1.5)
    for column in draw(st.lists(st.sampled_from(list(frame.columns)), max_size=4)):
        rows = draw(st.dictionaries(st.integers(1, 12), JUNK, max_size=5))
        cells = frame[column].astype(object).to_list()
        for row, value in rows.items():
            cells[row - 1] = value
        frame[column] = pd.Series(cells, dtype=object)
    rows = draw(st.one_of(st.just(list(range(12))), st.lists(st.integers(0, 11), max_size=14)))
    frame = frame.iloc[rows]
    names = {name: name for name in frame.columns}
    for name in draw(st.lists(st.sampled_from(list(frame.columns)), max_size=2)):
        names[name] = draw(
            st.one_of(st.text(max_size=4), st.sampled_from(list(frame.columns)), st.integers())
        )
    dropped = draw(st.lists(st.sampled_from(list(frame.columns)), max_size=2))
    return frame.drop(columns=dropped).rename(columns=names)


def check_dataset(ds: xr.Dataset) -> None:
    """Whatever was read satisfies what its documentation promises."""
    assert "change" in ds or "outcome" in ds
    assert len(set(ds["authority"].values)) == ds.sizes["authority"]
    for name in ds.data_vars:
        if name != "stretch":
            assert np.isfinite(ds[name].values).all()
    if "target" in ds:
        assert set(np.unique(ds["target"])) == {0.0, 1.0}
    if "stretch" in ds:
        assert (ds["stretch"].values[ds["target"].values == 0] == 0).all()


@FUZZ
@given(frame=malformed(), controls=st.lists(st.sampled_from(CONTROLS), max_size=2), log=st.booleans())
def test_malformed_frames_give_a_data_error_or_a_valid_dataset(frame, controls, log):
    try:
        ds = read_authorities(frame, controls=controls, log=controls[:1] if log else ())
    except DataError as error:
        assert str(error)
    else:
        check_dataset(ds)


@settings(FUZZ, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cut=st.integers(0, 700),
    junk=st.one_of(
        st.binary(max_size=20), st.text(max_size=20).map(lambda text: text.encode("utf-8", "ignore"))
    ),
    length=st.integers(0, 30),
)
def test_malformed_files_give_a_data_error_or_a_valid_dataset(tmp_path, cut, junk, length):
    text = table().to_csv(index=False).encode()
    path = csv_file(tmp_path, text[:cut] + junk + text[cut + length :])
    try:
        ds = read(path)
    except DataError as error:
        assert str(error)
    else:
        check_dataset(ds)


OPTIONS = {
    "columns": [{"x": "target"}, {1: "x"}, "x", [("a", "b")], {"baseline": "outcome"}, 3],
    "controls": [["x"], "x", [None], 7, np.array(["deprivation"]), {"a": 1}],
    "change": ["points", "percent", 3, None, ""],
    "period": ["target", 3, ""],
    "before": [2006, None, "x", [1]],
    "types": [["county"], "county", [1]],
    "log": [["deprivation"], ["x"], 5],
    "further_outcomes": [["population"], ["x"], "x"],
    "design_effect": [np.float32(2), np.int64(1), 0, "2", None, True, float("nan"), 10**400],
    "incomplete": ["refuse", 0, None],
    "totals": [["Area A"], [], "x", 4],
    "words": [{"unit": "school"}, {"unit": 3}, "x", {3: "x"}],
    "origin": ["simulated", 4, None],
    "separator": [";", 4], "decimal": [",", "x", 0], "encoding": ["utf-8", 4], "header": [1, 0, "x"], "sheet": ["x", 2],
    "missing": [["74"], 5, "x", [None]],
}  # fmt: skip


@settings(FUZZ, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in OPTIONS.items()})
)
def test_options_of_any_kind_give_a_data_error_or_a_valid_dataset(tmp_path, options):
    path = tmp_path / "mine.csv"
    if not path.exists():
        table().to_csv(path, index=False)
    try:
        ds = read_authorities(path, **options)
    except DataError as error:
        assert str(error)
    else:
        check_dataset(ds)


def test_dates_of_adoption_stand_beside_no():
    target = ["2007-04-01" if i % 2 else ("no" if i % 4 else "") for i in range(12)]
    frame = table(target=target).drop(columns="stretch")
    assert read(frame)["target"].values.tolist() == [float(i % 2) for i in range(12)]


def test_types_that_look_alike_are_one_and_it_is_said():
    kinds = ["Île", "I\u0302le ", "Sud", "Sud"] * 3
    read_types = read(table(authority_type=kinds, stretch=0.0).drop(columns="stretch"))
    assert read_types.attrs["types"] == ["Île", "Sud"]
    assert any(
        "'Île' is written in several ways that look alike" in note for note in read_types.attrs["notes"]
    )


def test_repr_shows_notes_units_and_who_was_left_out():
    shown = repr(read(table(outcome={3: "-"})))
    assert (
        "notes:" in shown
        and "left_out:" in shown
        and "['Area C: no value of outcome']" in shown
        and "unit_word:" in shown
    )
