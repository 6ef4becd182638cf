"""Counts are read as they stand, or refused with every reason at once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.readers.count_margins import nearest_tables
from bayes_targets.readers.counts import read_counts, with_covariate
from bayes_targets.studies import odpm2005


def table(**changes):
    """Three areas that can be read; `changes` are columns, or cells as ``{row: value}``."""
    frame = pd.DataFrame(
        {"area": ["Fire", "Health", "Crime"], "green": [1, 3, 5], "amber": [1, 5, 5], "red": [1, 3, 3]}
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


def long(frame):
    return frame.melt(id_vars="area", var_name="status", value_name="count")


def problems(frame, **options):
    with pytest.raises(bt.DataError) as caught:
        read_counts(frame, **options)
    return str(caught.value)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_wide_table_a_long_table_and_their_files_are_the_same_counts(tmp_path):
    wide = read_counts(table())
    assert wide["count"].sel(area="Health", status="amber").item() == 5
    assert wide.identical(read_counts(long(table())))
    assert wide.identical(read_counts(written(tmp_path, table().to_csv(index=False))))
    assert wide.identical(read_counts(str(written(tmp_path, long(table()).to_csv(index=False)))))


def test_a_table_of_a_study_says_itself_what_its_columns_are():
    study = bt.load_study("odpm2005")
    by_area, kind, finish = (odpm2005.counts(study, name) for name in odpm2005.TABLES)
    assert by_area["count"].sum("area").values.tolist() == [63, 56, 36]
    assert kind["count"].sum("area").values.tolist() == [61, 55, 39]
    assert finish["area"].values.tolist() == ["2005 finish", "2006 finish"]


def test_any_number_of_statuses_in_any_order_is_kept_best_first():
    frame = table(blue=[0, 1, 0])
    counts = read_counts(frame, statuses=["blue", "green", "amber", "red"])
    assert counts["status"].values.tolist() == ["blue", "green", "amber", "red"]
    assert counts["count"].sel(area="Health").values.tolist() == [1, 3, 5, 3]


def test_covariates_are_numbers_or_words():
    frame = table(budget=[1.5, 2.5, 4.0], region=["north", "south", "north"])
    counts = read_counts(frame, covariates=["budget", "region"])
    assert counts["covariate"].values.tolist() == ["budget", "region: south"]
    assert counts["predictor"].values.tolist() == [[1.5, 0.0], [2.5, 1.0], [4.0, 0.0]]
    # Without being named they cannot be told from statuses.
    assert "column 'region': holds no number" in problems(frame.drop(columns="budget"))


def test_covariates_of_a_long_table_belong_to_the_area():
    frame = long(table()).assign(local=lambda rows: (rows["area"] == "Fire").astype(int))
    assert read_counts(frame, covariates=["local"])["predictor"].values.ravel().tolist() == [1, 0, 0]
    frame.loc[0, "local"] = 7
    assert "'local': area 'Fire' has several values" in problems(frame, covariates=["local"])


def test_a_covariate_can_be_added_by_hand():
    counts = with_covariate(read_counts(table()), "local", {"Fire": 1, "Health": 0, "Crime": 0})
    counts = with_covariate(counts, "size", {"Fire": 3, "Health": 11, "Crime": 13})
    assert counts["predictor"].sel(area="Crime").values.tolist() == [0, 13]
    with pytest.raises(bt.DataError, match=r"'local': there is one of this name already"):
        with_covariate(counts, "local", {"Fire": 1, "Health": 0, "Crime": 0})
    with pytest.raises(bt.DataError, match="no area 'Fires', did you mean 'Fire'"):
        with_covariate(counts, "x", {"Fires": 1})
    with pytest.raises(bt.DataError, match="area 'Health': found nothing, expected a finite number"):
        with_covariate(counts, "x", {"Fire": 1})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"red": {2: -1}}, "counts, row 2, column 'red': found '-1', expected a whole number of 0 or more"),
        ({"red": {2: 2.5}}, "counts, row 2, column 'red': found '2.5', expected a whole number of 0 or more"),
        ({"red": {2: None}}, "counts, row 2, column 'red': found '', expected a whole number of 0 or more"),
        ({"red": {2: "few"}}, "counts, row 2, column 'red': found 'few', expected a whole number"),
        ({"red": {2: float("inf")}}, "counts, row 2, column 'red': found 'inf', expected a whole number"),
        ({"red": {2: True}}, "counts, row 2, column 'red': found 'True', expected a whole number"),
        (
            {"total": [3, 12, 13]},
            "counts, row 2, column 'total': found '12', expected the sum of the statuses, 11",
        ),
        (
            {"total": [3, None, 13]},
            "counts, row 2, column 'total': found '', expected the sum of the statuses, 11",
        ),
        (
            {"area": {3: "Fire"}},
            "row 3, column 'area': found 'Fire', expected each area once (it stands in row 1 too)",
        ),
        ({"area": {3: " Fire "}}, "expected each area once"),
        ({"area": {3: ""}}, "counts, row 3, column 'area': found '', expected a name"),
        ({"area": {3: None}}, "counts, row 3, column 'area': found '', expected a name"),
        (
            {"green": [0, 3, 5], "amber": [0, 5, 5], "red": [0, 3, 3]},
            "counts, row 1: found 'Fire', expected at least one",
        ),
        ({"note": ["a", "b", "c"]}, "column 'note': holds no number, expected the counts of a status"),
    ],
)
def test_bad_cells_are_told(change, message):
    assert message in problems(table(**change))


def test_all_violations_are_told_at_once():
    told = problems(table(green={1: -1}, amber={2: 0.5}, area={3: "Fire"}))
    assert "3 problems" in told
    for part in ("column 'green': found '-1'", "column 'amber': found '0.5'", "each area once"):
        assert part in told


def test_a_total_row_among_the_areas_would_count_every_target_twice():
    frame = pd.concat([table(), pd.DataFrame([{"area": "Total", "green": 9, "amber": 11, "red": 7}])])
    assert "row 4, column 'area': found 'Total', expected areas only; this row is the sum" in problems(frame)


def test_an_unknown_status_is_told_in_both_forms():
    frame = long(table())
    frame.loc[4, "status"] = "ambre"
    told = problems(frame, statuses=["green", "amber", "red"])
    assert "row 5, column 'status': found 'ambre', expected a known status; did you mean 'amber'?" in told
    assert "area 'Health': no row for status 'amber', expected one" in told
    wide = problems(table(purple=[1, 1, 1]), statuses=["green", "amber", "red"])
    assert "column 'purple': expected the label 'area', a status (green, amber, red)" in wide


def test_a_long_table_must_have_each_status_once():
    frame = long(table())
    assert "expected each status once an area" in problems(pd.concat([frame, frame.iloc[:1]]))
    assert "'note': expected the label, 'status', 'count' or a named" in problems(frame.assign(note="x"))


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (pd.DataFrame(), {}, "counts: no rows, expected an area a row"),
        (table().head(0), {}, "counts: no rows, expected an area a row"),
        (table(), {"label": "place"}, "counts: no column 'place'"),
        (table(), {"statuses": ["green", "blue"]}, "counts: no column 'blue', expected one column a status"),
        (table()[["area", "green"]], {}, "found statuses green; expected two or more, each once"),
        (table(), {"statuses": ["green", "green", "red"]}, "found statuses green, green, red"),
        (table(), {"covariates": ["size"]}, "counts: no column 'size'"),
        (table().drop(columns="area"), {}, "no column of names, expected a column 'area'"),
        ([[1, 2]], {}, "counts: found list, expected a DataFrame or the path of a CSV file"),
    ],
)
def test_unusable_tables_are_refused(frame, options, message):
    assert message in problems(frame, **options)


def test_an_empty_covariate_is_told():
    assert "row 2, column 'size': found '', expected a value for the area" in problems(
        table(size=[1, None, 3]), covariates=["size"]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mine.csv: found an empty file"),
        ("area,green,red\n", "mine.csv: found a header and no rows"),
        ("area,green,red\nFire,1\n", "mine.csv, row 1: found '2 cells', expected 3"),
        ("area;green;red\nFire;1;2\n", "expected column names separated by commas"),
        ("area,green,red\nFire,1,x\n", "mine.csv, row 1, column 'red': found 'x'"),
        ("area,green,red\nFire,1,1.5\nFire,1,2\n", "mine.csv: 2 problems"),
    ],
)
def test_bad_files_are_refused(tmp_path, text, message):
    assert message in problems(written(tmp_path, text))


def test_a_missing_file_is_told(tmp_path):
    assert "No such file" in problems(tmp_path / "nowhere.csv")


def test_six_tables_make_the_kinds_agree_with_the_other_tables():
    kind = odpm2005.counts(bt.load_study("odpm2005"), "kind")
    tables = nearest_tables(kind, {"green": 63, "amber": 56, "red": 36})
    assert tables.sizes["table"] == 6
    assert (tables["count"].sum("area") == [63, 56, 36]).all()
    assert (tables["count"].sum("status") == [111, 44]).all()
    moved = np.abs(tables["count"] - kind["count"]).sum(("area", "status"))
    assert (moved == 6).all()  # three targets, each taken from one cell and put into another
    assert len({tuple(values.ravel()) for values in tables["count"].to_numpy()}) == 6
    # All three national: C(33, 3) of C(39, 3) ways to pick them.
    alone = (
        tables["weight"].where((tables["count"].sel(area="Local targets") == [24, 14, 6]).all("status")).max()
    )
    assert float(alone) == pytest.approx(5456 / 9139)
    assert float(tables["weight"].sum()) == pytest.approx(1)
    assert bt.success_model(tables.isel(table=0), outcome="ordinal").data.sizes["area"] == 2


def test_weights_are_those_of_every_way_to_move_the_targets():
    """Three targets moved one by one, in every way: which table each way ends in."""
    printed = read_counts(pd.DataFrame({"area": ["a", "b"], "g": [1, 0], "m": [0, 1], "r": [3, 2]}))
    tables = nearest_tables(printed, {"g": 3, "m": 1, "r": 3})
    reds = ["a", "a", "a", "b", "b"]
    found: dict[tuple[int, ...], int] = {}
    for i in range(5):
        for j in range(i + 1, 5):
            count = printed["count"].to_numpy().copy()
            for k in (i, j):
                count[["a", "b"].index(reds[k])] += [1, 0, -1]
            found[tuple(count.ravel())] = found.get(tuple(count.ravel()), 0) + 1
    weights = {
        tuple(values.ravel()): float(weight)
        for values, weight in zip(tables["count"].to_numpy(), tables["weight"], strict=True)
    }
    assert weights == pytest.approx({key: number / 10 for key, number in found.items()})


def test_a_table_that_agrees_already_is_the_only_one():
    finish = odpm2005.counts(bt.load_study("odpm2005"), "finish")
    same = nearest_tables(finish, {"green": 63, "amber": 56, "red": 36})
    assert same["table"].values.tolist() == ["as printed"]
    assert (same["count"].isel(table=0) == finish["count"]).all()


@pytest.mark.parametrize(
    ("totals", "message"),
    [
        ({"green": 5, "amber": 11, "red": 9, "blue": 0}, "no status 'blue'"),
        ({"green": 5, "amber": 11}, "status 'red': found nothing"),
        ({"green": -1, "amber": 14, "red": 14}, "status 'green': found -1"),
        ({"green": 5, "amber": 11, "red": 9}, "add up to 25, expected the table's 27 targets"),
    ],
)
def test_impossible_totals_are_refused(totals, message):
    with pytest.raises(bt.DataError, match=message):
        nearest_tables(read_counts(table()), totals)
