"""A table of authorities is read as it stands, or refused with every reason at once."""

import codecs
import hashlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayes_targets.comparison.ols import fit_ols
from bayes_targets.errors import DataError
from bayes_targets.models.cohesion.simulate import simulate_authorities
from bayes_targets.readers.authorities import read_authorities

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "authorities_2008.csv"
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
    return read_authorities(frame, **({"controls": CONTROLS} | options))


def problems(frame: object, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        read(frame, **options)
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
    assert "column 'outcome' set aside, since 'outcome_old' was mapped to 'outcome'" in ds.attrs["notes"]


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
    assert ds.attrs["notes"] == ["stretch not known for 2 authorities with a target; kept as missing"]


def test_survey_sizes_become_standard_errors():
    ds = read(table(n_baseline=400, n_outcome=1000))
    p = ds["outcome"].values
    np.testing.assert_allclose(ds["outcome_se"], np.sqrt(p * (100 - p) / 1000))
    # 50% of 400 would have 2.5 points; 80% has 2.
    assert ds["baseline_se"].sel(authority="Area B") == pytest.approx(2.0)
    doubled = read(table(n_baseline=400, n_outcome=1000), design_effect=2.0)
    np.testing.assert_allclose(doubled["baseline_se"], np.sqrt(2) * ds["baseline_se"])
    assert "baseline_se computed from n_baseline with design effect 2" in doubled.attrs["notes"]


def test_given_standard_errors_go_before_survey_sizes():
    ds = read(table(n_baseline=400, baseline_se=1.5))
    assert (ds["baseline_se"] == 1.5).all()
    assert ds.attrs["notes"] == ["baseline_se read as it is; n_baseline set aside"]


def test_logged_controls_are_renamed():
    ds = read(table(), log=["population"])
    assert list(ds["control"].values) == ["deprivation", "population (log)"]
    np.testing.assert_allclose(ds["controls"].sel(control="population (log)"), np.log(table()["population"]))
    assert ds.attrs["notes"] == ["natural logarithm taken of control 'population'"]


def test_true_and_false_are_a_target():
    assert read(table(target=table()["target"] == 1)).equals(read(table()))


def test_a_cross_section_is_read_with_its_further_outcomes():
    frame = table(satisfied=[50.0 + i for i in range(12)]).drop(columns=["baseline", "target", "stretch"])
    ds = read(frame, further_outcomes=["satisfied"])
    assert set(ds.data_vars) == {"outcome", "satisfied", "controls"}
    assert ds["satisfied"].attrs["units"] == "% of respondents"
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
    back = read_authorities(tmp_path / "made.csv", controls=["age"], origin="simulated")
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


if SHARED.is_file():

    def test_the_shared_authorities_of_2008_are_read():
        ds = read_authorities(
            SHARED,
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
    "percentage above 100": (
        {"outcome": {2: 101}},
        {},
        "row 2, column 'outcome': found '101', expected a perc",
    ),
    "percentage below 0": (
        {"outcome": {2: -1}},
        {},
        "row 2, column 'outcome': found '-1', expected a percentage",
    ),
    "further outcome above 100": (
        {"satisfied": [101.0, *range(11)]},
        {"further_outcomes": ["satisfied"]},
        "row 1, column 'satisfied': found '101', expected a percentage from 0 to 100",
    ),
    "baseline 0": ({"baseline": {5: 0}}, {}, "row 5, column 'baseline': found '0', expected a score above 0"),
    "baseline next to 0": (
        {"baseline": {5: 1e-320}},
        {},
        "row 5, column 'baseline': found '1e-320', expected a",
    ),
    "target 2": ({"target": {4: 2}}, {}, "row 4, column 'target': found '2', expected 0 or 1"),
    "target yes": ({"target": {4: "yes"}}, {}, "row 4, column 'target': found 'yes', expected a number"),
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
        "row 6, column 'population': found '1,000', expected a number",
    ),
    "NA in words": ({"stretch": {1: "NA"}}, {}, "row 1, column 'stretch': found 'NA', expected a number"),
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
    "type that differs by capitals and spaces": (
        {"authority_type": {2: "Unitary  authority "}},
        {},
        "row 2, column 'authority_type': found 'Unitary  authority ', expected one spelling of each type; "
        "did you mean 'unitary authority'?",
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


def test_a_standard_error_without_its_score_is_refused():
    frame = table(change=range(12), baseline_se=1.0, n_outcome=100).drop(columns=["baseline", "outcome"])
    message = problems(frame)
    assert "column 'baseline': missing, expected the score beside baseline_se" in message
    assert "column 'outcome': missing, expected the score beside n_outcome" in message


def test_a_column_that_nearly_bears_our_name_is_not_passed_over():
    assert read(table().assign(outcomes="x")).equals(read(table()))
    message = problems(table().rename(columns={"target": "Targt", "stretch": "Stretch"}))
    assert "column 'Targt': not a column of ours; did you mean 'target'? Then pass" in message
    assert "column 'Stretch': not a column of ours; did you mean 'stretch'?" in message


def test_not_more_authorities_than_terms_is_told_with_both_numbers():
    message = problems(table().iloc[:6])
    assert "found 6 authorities, expected more than the 6 regression terms" in message
    assert read(table().iloc[:7]).sizes["authority"] == 7


def test_one_type_is_read_where_it_is_allowed():
    assert read(table(authority_type="county"), allow_one_type=True).attrs["types"] == ["county"]


def test_a_message_names_the_users_own_column():
    frame = table(outcome={2: 101}).rename(columns={"outcome": "score_2008"})
    assert "row 2, column 'score_2008': found '101'" in problems(frame, columns={"score_2008": "outcome"})


def test_all_violations_are_told_at_once(tmp_path):
    frame = table(
        authority={3: "Area A"},
        authority_type={2: "unitary authorty"},
        baseline={5: 0},
        outcome={2: 101, 6: "abc"},
        target={4: 3},
        stretch={2: 1.5},
        deprivation=3.0,
    )
    frame.to_csv(tmp_path / "mine.csv", index=False)
    message = problems(tmp_path / "mine.csv", log=["deprivation"], columns={"x": "change"})
    assert message.startswith("mine.csv: 9 problems\n- mine.csv, ")
    for part in (
        "no column 'x'",
        "row 3, column 'authority'",
        "row 2, column 'authority_type'",
        "row 5, column 'baseline'",
        "row 2, column 'outcome'",
        "row 6, column 'outcome'",
        "row 4, column 'target'",
        "row 2, column 'stretch'",
        "control 'deprivation': every value is 3",
    ):
        assert part in message


def test_a_long_list_of_violations_is_cut_at_20():
    message = problems(table(outcome=-1.0, baseline="x"))
    assert message.count("\n- ") == 20
    assert message.endswith("\nand 4 more")


# --- files


def test_a_byte_order_mark_blank_lines_at_the_end_and_any_line_end_are_tolerated(tmp_path):
    text = table().to_csv(index=False)
    expected = read(table())
    assert read(csv_file(tmp_path, codecs.BOM_UTF8 + text.encode())).equals(expected)
    assert read(csv_file(tmp_path, text + "\n,,,,,,,\n\n")).equals(expected)
    assert read(csv_file(tmp_path, text.replace("\n", "\r\n"))).equals(expected)
    assert read(csv_file(tmp_path, text.replace("authority,", " authority ,", 1))).equals(expected)


def test_latin_1_is_refused_with_the_line(tmp_path):
    text = table(authority={3: "Ynys Môn"}).to_csv(index=False)
    message = problems(csv_file(tmp_path, text.encode("latin-1")))
    assert message.startswith("mine.csv, line 4: found byte 0xf4, which is not UTF-8 (Latin-1")
    assert message.endswith("save the file as CSV UTF-8")
    assert "Ynys Môn" in read(csv_file(tmp_path, text))["authority"].values


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "mine.csv: found an empty file"),
        ("\n\n", "mine.csv: found an empty file"),
        ("authority,change\n", "mine.csv: found a header and no rows"),
        ("a,b\n1,2\n1,2,3\n1\n", "mine.csv, row 2: found '3 cells', expected 2"),
        ("a,b\n1,2\n1,2,3\n1\n", "mine.csv, row 3: found '1 cells', expected 2"),
        ("a,b,a\n1,2,3\n", "mine.csv, header: found 'a' 2 times, expected each column name once"),
        ("a;b\n1;2\n", "mine.csv, header: found 'a;b', expected column names separated by commas"),
        ('a,b\n"1,2\n', "mine.csv, line 2: unexpected end of data"),
        (
            table().to_csv(index=False).encode("utf-16"),
            "mine.csv, line 1: found byte 0xff, which is not UTF-8",
        ),
    ],
)
def test_a_broken_file_is_refused(tmp_path, content, message):
    assert message in problems(csv_file(tmp_path, content))


def test_a_file_that_is_not_there_or_of_another_kind_is_refused(tmp_path):
    assert "nothing.csv: No such file" in problems(tmp_path / "nothing.csv")
    assert "Is a directory" in problems(tmp_path)
    assert "embedded null" in problems("a\0b.csv")
    assert "found a .xlsx file, expected .csv or .parquet" in problems(csv_file(tmp_path, "x", "mine.xlsx"))
    assert "found int, expected a CSV file" in problems(3)
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
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


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
    for name in ("baseline", "outcome"):
        if name in ds:
            assert ((ds[name] >= 0) & (ds[name] <= 100)).all()
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
