"""Counts are read as they stand, or refused with every reason at once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bayes_targets as bt
from bayes_targets.errors import options_as_flags
from bayes_targets.readers.counts import nearest_tables, read_counts, with_covariate
from bayes_targets.studies import odpm2005
from cases import CASES, SHARED, besides, case


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
        read_counts(frame, **({"incomplete": "refuse"} | options))
    return str(caught.value)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_wide_table_a_long_table_and_their_files_are_the_same_counts(tmp_path):
    wide = read_counts(table())
    assert wide["count"].sel(area="Health", status="amber").item() == 5
    assert wide.equals(read_counts(long(table())))
    assert wide.equals(read_counts(written(tmp_path, table().to_csv(index=False))))
    assert wide.equals(read_counts(str(written(tmp_path, long(table()).to_csv(index=False)))))
    assert wide.attrs["notes"] == wide.attrs["left_out"] == []


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
    assert counts.attrs["notes"] == [
        "Covariate 'region' holds words: 1 of its 2 became columns of 0 and 1, beside 'north'."
    ]
    # A column of words that is not named is left alone; one of numbers could be a status.
    assert "covariate" not in read_counts(frame.drop(columns="budget")).coords
    assert "'budget' holds numbers; give statuses=['green', 'amber', 'red']" in problems(frame)


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
            "counts, row 1, column 'area': found 'Fire', expected at least one",
        ),
    ],
)
def test_bad_cells_are_told(change, message):
    assert message in problems(table(**change))


def test_all_violations_are_told_at_once():
    told = problems(table(green={1: -1}, amber={2: 0.5}, area={3: "Fire"}))
    assert "3 problems" in told
    for part in ("column 'green': found '-1'", "column 'amber': found '0.5'", "each area once"):
        assert part in told


def test_a_total_row_is_left_out_where_its_numbers_and_its_name_or_place_say_so():
    def with_row(area, green, amber, red, frame=None):
        row = pd.DataFrame([{"area": area, "green": green, "amber": amber, "red": red}])
        return pd.concat([table() if frame is None else frame, row], ignore_index=True)

    for name in ("Total", "Grand total", "Council total", "England", "All areas", "TOTALS"):
        counts = read_counts(with_row(name, 9, 11, 7))
        assert counts.equals(read_counts(table())), name
        assert counts.attrs["notes"] == [f"Row {name!r} was left out as a total of the others."]
        assert counts.attrs["left_out"] == [f"{name}: a total of the other rows"]
    # By its place: the last of five rows and more.
    five = with_row("Roads", 2, 1, 0)
    assert read_counts(with_row("Borsetshire", 11, 12, 7, five)).sizes["area"] == 4
    # Where only the name or only the numbers say so, it is asked about.
    asked = problems(with_row("England", 9, 11, 8))
    assert (
        "row 4, column 'area': found 'England', expected a unit, and this looks like a total (its name says so"
        in asked
    )
    assert "give totals=['England'] to leave it out, or totals=[] to keep it" in asked
    asked = problems(with_row("Roads", 9, 11, 7))
    assert "its numbers are the sum or mean of the others, its name does not say so" in asked
    assert read_counts(with_row("England", 9, 11, 8), totals=["england"]).sizes["area"] == 3
    assert read_counts(with_row("England", 9, 11, 8), totals=[]).sizes["area"] == 4
    assert "totals: no row 'Wales'" in problems(table(), totals=["Wales"])


def test_subtotals_add_up_the_rows_above_them():
    frame = pd.DataFrame(
        {
            "area": ["a", "b", "North total", "c", "d", "South total", "Grand total"],
            "green": [1, 2, 3, 4, 5, 9, 12],
            "red": [2, 2, 4, 1, 0, 1, 5],
        }
    )
    assert read_counts(frame)["area"].values.tolist() == ["a", "b", "c", "d"]


def test_columns_of_totals_years_and_shares_are_no_statuses():
    for name in ("Total", "n", "All", "Number of targets"):
        counts = read_counts(table(**{name: [3, 11, 13]}))
        assert counts.equals(read_counts(table()))
        assert counts.attrs["notes"] == [
            f"Column {name!r} was left out, since it holds the sum of the statuses."
        ]
    asked = problems(table(Year=2024, **{"% green": ["33%", "27%", "38%"]}))
    assert (
        "counts: beside the statuses 'green', 'amber', 'red', 'Year', '% green' hold numbers; give "
        "statuses=['green', 'amber', 'red'] to leave them out" in asked
    )
    named = read_counts(table(Year=2024), statuses=["green", "amber", "red"])
    assert named.equals(read_counts(table()))
    assert named.attrs["notes"] == [
        "Column 'Year' was left out, since it is not among the statuses that were named."
    ]
    assert "column 'total': found '12', expected the sum" in problems(table(total=[3, 12, 13]))


def test_the_order_of_statuses_is_known_or_must_be_given():
    shuffled = table()[["area", "red", "green", "amber"]]
    assert read_counts(shuffled).equals(read_counts(table()))
    kpi = pd.DataFrame(
        {"u": ["a", "b"], "Off target": [1, 2], "Within tolerance": [0, 1], "On Target": [5, 4]}
    )
    assert read_counts(kpi)["status"].values.tolist() == ["On Target", "Within tolerance", "Off target"]
    other = pd.DataFrame({"area": ["a", "b"], "bad": [1, 2], "good": [3, 4]})
    assert (
        "found the columns of numbers 'bad', 'good', whose order from best to worst is not known; give the statuses, best "
        "first: statuses=['bad', 'good'] in the right order" in problems(other)
    )
    beside = other.assign(**{"Year": 2024, "% bad": ["25%", "33%"]})
    assert "statuses=['bad', 'good'] in" in problems(beside)
    with options_as_flags():
        assert "first: --statuses bad good in the right order" in problems(other)
    assert read_counts(other, statuses=["good", "bad"])["count"].values.tolist() == [[3, 1], [4, 2]]


def test_an_unknown_status_is_left_out_by_name_or_taken_for_a_slip():
    frame = long(table())
    frame.loc[4, "status"] = "ambre"
    told = problems(frame, statuses=["green", "amber", "red"])
    assert "row 5, column 'status': found 'ambre', expected a known status; did you mean 'amber'?" in told
    frame.loc[4, "status"] = "not rated"
    counts = read_counts(frame, statuses=["green", "amber", "red"])
    assert counts["count"].sel(area="Health").values.tolist() == [3, 0, 3]
    assert counts.attrs["notes"] == [
        "Status 'not rated' (5 targets) was left out, since it is not among those that were named.",
        "1 combination of area and status without a row was read as 0.",
    ]
    assert "no row has the status 'blue'" in problems(frame, statuses=["green", "blue"])


def test_a_row_for_each_target_is_counted():
    rows = [
        ("Fire", "Green"),
        ("Fire", "red"),
        ("Health", "green"),
        ("Health", "Green"),
        ("Crime", "amber"),
        ("Crime", None),
    ]
    frame = pd.DataFrame(rows * 2, columns=["service", "RAG"])
    counts = read_counts(frame, columns={"service": "area", "RAG": "status"})
    assert counts["status"].values.tolist() == ["Green", "amber", "red"]
    assert counts["count"].values.tolist() == [[2, 0, 2], [4, 0, 0], [0, 2, 0]]
    assert counts.attrs["notes"][:2] == [
        "2 rows without a status were left out.",
        "Each of the 10 rows with a status was counted as one target.",
    ]
    # Where nothing was said, the message shows the command.
    assert (
        "looks like long form, one row for each target, since 3 names have 12 rows; if column 'RAG' holds the status, give "
        "columns={'service': 'area', 'RAG': 'status'}" in problems(frame)
    )
    with options_as_flags():
        assert "give --columns service=area RAG=status" in problems(frame)
    named = frame.assign(indicator=[f"KPI {i}" for i in range(12)])[["indicator", "service", "RAG"]]
    assert "if each row is a target, give columns={'service': 'area', 'RAG': 'status'}" in problems(named)
    listed = long(table()).rename(columns={"status": "rating", "count": "n"})
    assert "give columns={'rating': 'status', 'n': 'count'}" in problems(listed)


def test_a_long_table_must_have_each_status_once():
    frame = long(table())
    assert "expected each status once an area" in problems(
        pd.concat([frame, frame.iloc[:1]], ignore_index=True)
    )
    assert read_counts(frame.assign(note="x")).equals(read_counts(table()))


def test_areas_without_a_count_or_a_target_are_left_out_by_name():
    counts = read_counts(table(green={1: 0}, amber={1: 0, 2: "[c]"}, red={1: 0}))
    assert counts["area"].values.tolist() == ["Crime"]
    assert counts.attrs["left_out"] == ["Fire: no target in these statuses", "Health: a count is missing"]
    assert counts.attrs["notes"][1] == "1 area was left out (a count is missing): 'Health'."


def test_counts_are_read_in_the_notations_of_real_files(tmp_path):
    text = "# statuses: met, missed\n# unit: service\nService;met;missed\nRoads;1 234;56\nParks;78;9\n"
    counts = read_counts(written(tmp_path, text))
    assert counts["count"].values.tolist() == [[1234, 56], [78, 9]] and counts.attrs["unit_word"] == "service"
    text = 'area,green,red\na,"1,234",5\nb,"2,345",6\n'
    assert (
        "2 rows, first row 1: '1,234'; expected a whole number of 0 or more; it can be a thousand"
        in problems(written(tmp_path, text))
    )
    assert read_counts(tmp_path / "mine.csv", decimal=".")["count"].values[0].tolist() == [1234, 5]


FILES = CASES / "files"
JUDGED = ["outstanding", "good", "requires improvement", "inadequate"]


@pytest.mark.parametrize("file", ["kpi.csv", "kpi_total_column.csv", "kpi_council_total_row.csv"])
def test_a_councils_targets_are_41_of_11_services_whatever_totals_there_are(file):
    counts = read_counts(case(f"files/{file}"), columns={"u": "area"})
    assert counts.sizes["area"] == 11 and counts["count"].sum("area").values.tolist() == [30, 3, 8]


@besides("cases/files/ofsted_long.csv")
@pytest.mark.parametrize("file", ["ofsted_four_statuses.csv", "ofsted_long.csv"])
def test_inspections_by_region_are_142_in_wide_and_in_long_form(file):
    counts = read_counts(FILES / file, columns={"region_name": "area"}, statuses=JUDGED)
    assert (
        counts["count"].sum("area").values.tolist() == [46, 61, 24, 11]
        and counts.attrs["unit_word"] == "region"
    )
    left = "Status 'not_reported_post_reform' (11 targets) was left out, since it is not among those that were named."
    assert (left in counts.attrs["notes"]) == (file == "ofsted_long.csv")
    with pytest.raises(
        bt.DataError, match="whose order from best to worst is not known; give the statuses, best first"
    ):
        read_counts(FILES / file, columns={"region_name": "area"})


@besides("data/dc_2013_targets.csv")
def test_ratings_of_targets_are_counted_by_agency():
    data = SHARED / "data"
    names = {"Agency_Full_Name": "area", "Rating": "status"}
    rated = ["Fully Achieved", "Partially Achieved", "Not Achieved"]
    counts = read_counts(data / "dc_2013_targets.csv", columns=names, statuses=rated)
    assert counts.sizes["area"] == 71 and counts["count"].sum("area").values.tolist() == [745, 235, 130]
    wide = read_counts(
        data / "dc_2013_agency_counts.csv", statuses=["fully_achieved", "partially_achieved", "not_achieved"]
    )
    assert wide["count"].sum("area").values.tolist() == [745, 235, 130]


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 12), st.floats(), st.text(max_size=4), st.just(10**400),
    st.sampled_from(["1,234", "2.5", "Total", "green", "[c]", "\ud800", "a\0b", "12%", pd.NaT, pd.Timestamp(0), (), 1j]),
)  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    cells=st.lists(st.lists(JUNK, min_size=4, max_size=4), max_size=6),
    names=st.lists(st.sampled_from(["area", "green", "red", "amber", "status", "count", "Total", "", "x"]), min_size=4, max_size=4),
    options=st.fixed_dictionaries(
        {},
        optional={
            "statuses": st.sampled_from([["green", "red"], ["x"], "green", 3, [1, 2], None]),
            "covariates": st.sampled_from([["x"], "x", [None], ()]),
            "columns": st.sampled_from([{"x": "area"}, {"x": 1}, {1: "x"}, [("x", "y")], {"green": "red"}]),
            "totals": st.sampled_from([["Total"], "Total", 1]),
            "missing": st.sampled_from([["12%"], 5, "x"]),
            "incomplete": st.sampled_from(["drop", "refuse", 1]),
            "decimal": st.sampled_from([",", ".", "x", None]),
            "words": st.sampled_from([{"unit": "service"}, {"x": "y"}, "unit"]),
        },
    ),
)  # fmt: skip
def test_whatever_table_comes_gives_counts_or_a_data_error(cells, names, options):
    try:
        counts = read_counts(pd.DataFrame(cells, columns=names, dtype=object), **options)
    except bt.DataError as error:
        assert str(error)
    else:
        assert (counts["count"] >= 0).all() and len(set(counts["area"].values)) == counts.sizes["area"]


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
    frame = pd.DataFrame({"area": ["a", "b"], "g": [1, 0], "m": [0, 1], "r": [3, 2]})
    printed = read_counts(frame, statuses=["g", "m", "r"])
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


SHARES = pd.DataFrame(
    {"area": ["Fire", "Health"], "% Green": [50, 25.5], "% Amber": [25, 24.5], "% Red": [25, 50]}
)


def test_percentages_are_no_counts_and_the_way_out_is_said():
    told = problems(SHARES)
    assert told == (
        "counts: found percentages ('% Green', '% Amber', '% Red'), expected counts of targets by status, as 50% of 2 targets say "
        "less than 50% of 200; give columns of whole numbers: the percentage times the area's number of targets over 100"
    )
    assert problems(SHARES.assign(Total=[4, 8])).endswith("the percentage times 'Total' over 100")
    whole = SHARES.assign(**{"% Green": [50, 26], "% Amber": [25, 24]})
    assert "found percentages" in problems(whole, statuses=["% Green", "% Amber", "% Red"])


def test_classes_of_percentages_are_statuses_where_their_numbers_are_counts():
    classes = pd.DataFrame(
        {"area": ["Fire", "Health"], "90% or more": [3, 1], "50 to 90%": [2, 2], "under 50%": [0, 5]}
    )
    counts = read_counts(classes, statuses=["90% or more", "50 to 90%", "under 50%"])
    assert counts["count"].sum().item() == 13
