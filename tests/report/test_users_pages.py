"""Users' own files go to a page in one command, with the right numbers and in their own words."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.readers.posterior import read_posteriors
from bayes_targets.report.words import CountWords, Words
from bayes_targets.run import main
from cases import CASES, besides, case

pytestmark = pytest.mark.usefixtures("unpasted")

FILES = CASES / "files"
NHS = [
    *("--columns", "Org Code=authority", "Region=authority_type", "FT=target"),
    *("4hr Jan-23=baseline", "4hr Jan-25=outcome"),
]
TRUST_WORDS = ["--words", "unit=trust", "outcome=four-hour performance", "target=foundation status"]
STUDIES = ("cohesion", "LPSA", "LAA", "Andrews", "ODPM", "stretch", "local public", "coordinator")


def run(folder: Path, *words: str) -> Path:
    """The folder of the one analysis that these words ask for, few draws."""
    assert main([*words, "--out", str(folder), "--draws", "250", "--engine", "exact", "--quiet"]) == 0
    return folder / words[0]


def summary(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return found


def texts(folder: Path) -> str:
    """All that a reader meets: page, figures and tables without their mark-up; but for where the run came from."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    page = re.sub(r'<h2 id="provenance">.*?(?=<h2)', " ", page, flags=re.DOTALL)
    page = re.sub(r"<(style|script|code|pre)\b.*?</\1>", " ", page, flags=re.DOTALL)
    parts = [re.sub(r"<[^>]*>", " ", page)]
    for file in folder.iterdir():
        if file.suffix in (".csv", ".tex"):
            parts.append(re.sub(r"\\\w+", " ", file.read_text(encoding="utf-8")))
        elif file.suffix == ".svg":
            parts += re.findall(r"<text[^>]*>([^<]*)", file.read_text(encoding="utf-8"))
    return " ".join(parts)


def foreign(text: str, words: tuple[str, ...]) -> list[str]:
    return [word for word in words if re.search(rf"\b{word}", text, re.IGNORECASE)]


@pytest.fixture(scope="module")
def trusts(tmp_path_factory):
    return run(
        tmp_path_factory.mktemp("trusts"),
        "authorities",
        "--data",
        str(FILES / "nhs.xlsx"),
        *NHS,
        *TRUST_WORDS,
    )


@besides("cases/files/nhs.xlsx")
def test_a_page_of_hospitals_has_no_foreign_words(trusts):
    text = texts(trusts)
    assert foreign(text, (*STUDIES, "authorit", "council", "school", "published")) == []
    assert "trusts" in text and "foundation status" in text and "four-hour performance" in text
    named = list(read_posteriors(trusts / "posterior.nc"))
    assert named == ["target_partial", "target_none", "target_complete", "target_by_type"]


@besides("cases/files/nhs.xlsx")
def test_the_hospitals_numbers_are_right_and_their_unit_is_said(trusts):
    table = pd.read_csv(trusts / "comparison.csv").set_index("term")
    assert table.loc["target", ["ols_estimate", "ols_se"]].round(3).tolist() == [-0.029, 0.801]
    told = summary(trusts)
    assert "percentage points lower in trusts with foundation status" in told["answer"]
    assert "170 trusts of 7 regions" in told["question"]
    assert any("multiplied by 100" in note for note in told["notes"])
    left = pd.read_csv(trusts / "left_out.csv")
    assert len(left) == 23 and list(left.columns) == ["trust", "reason"]


@besides("cases/files/nhs_percent.csv")
@pytest.mark.parametrize(
    ("file", "change", "slope"),
    [
        ("nhs_four_hours.csv", "points", (-0.030, 0.801)),
        ("nhs_semicolon_comma.csv", "percent", (0.169, 1.245)),
        ("nhs_percent.csv", "points", (-0.037, 0.802)),
        ("nhs_share_missing.csv", "percent", (0.170, 1.245)),
    ],
)
def test_points_and_per_cent_of_the_baseline_are_two_things(file, change, slope):
    columns = dict(pair.split("=") for pair in NHS[1:])
    trusts = bt.read_authorities(FILES / file, columns=columns, change=change)
    found = bt.fit_ols(trusts).loc["target", ["estimate", "se"]]
    assert found.tolist() == pytest.approx(slope, abs=5e-4)
    words = Words.of(trusts)
    assert (
        words.measure
        == {
            "points": words.measure if "points" in words.measure else "points",
            "percent": "per cent of the baseline",
        }[change]
    )
    model = bt.cohesion_model(trusts)
    assert model.options["change"] == change


@besides("cases/files/points.csv")
def test_a_target_that_adds_three_points_adds_three_points(tmp_path):
    folder = run(tmp_path, "authorities", "--data", str(FILES / "points.csv"))
    table = pd.read_csv(folder / "comparison.csv").set_index("term")
    assert table.loc["target", ["ols_estimate", "ols_se"]].round(3).tolist() == [3.008, 0.128]
    assert table.loc["target", "mean"] == pytest.approx(3.0, abs=0.02)
    assert "3.00 points higher" in summary(folder)["answer"]
    assert "per cent of the baseline" not in texts(folder)


@besides("cases/files/recycling_cross_section.csv")
def test_a_cross_section_says_what_it_cannot_show(tmp_path):
    columns = ["household_recycle_rate=outcome", "collection_type=authority_type"]
    file = str(FILES / "recycling_cross_section.csv")
    folder = run(tmp_path, "authorities", "--data", file, "--columns", *columns, "--controls", "population")
    told = summary(folder)
    assert told["title"] == "Household recycle rate of local authorities, by collection type"
    assert any("A cross-section cannot show a change" in point for point in told["points"])
    assert foreign(texts(folder), ("change in", "target", "stretch", "cohesion")) == []
    # A slope of a millionth for one inhabitant keeps its digits, by a step that is said.
    assert "population (per 100,000)" in texts(folder)


SCHOOLS = """school type,A,B,C
"Academy",40,12,3
"Community school",21,22,9
"Faith school",10,3,2
"Free school",2,1,0
"""


@pytest.fixture(scope="module")
def schools(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schools")
    (folder / "grades.csv").write_text(SCHOOLS, encoding="utf-8")
    return run(
        folder / "out", "counts", "--data", str(folder / "grades.csv"), "--statuses", "A", "B", "C",
        "--words", "unit=school type", "target=inspection", "--success", "A+B",
    )  # fmt: skip


def test_a_page_of_schools_has_no_foreign_words(schools):
    text = texts(schools)
    assert foreign(text, (*STUDIES, "authorit", "green", "amber", "policy", "target", "published")) == []
    assert "inspections" in text and "school types" in text
    page = re.sub(r"<[^>]*>", " ", (schools / "report.html").read_text(encoding="utf-8"))
    assert "Raw share" in page and "OLS" not in page


def test_success_may_be_several_statuses(schools):
    table = pd.read_csv(schools / "comparison.csv").query("posterior == 'share'").set_index("term")
    assert table.loc["Academy", "ols_estimate"] == pytest.approx(52 / 55)
    assert "Success is A or B" in " ".join(summary(schools)["notes"])
    named = list(read_posteriors(schools / "posterior.nc"))
    assert named == ["share", "share_none", "share_complete", "ordinal", "multinomial"]


@pytest.mark.parametrize("file", ["kpi.csv", "kpi_total_column.csv", "kpi_council_total_row.csv"])
def test_forty_one_targets_of_eleven_services_whatever_the_totals(file):
    counts = bt.read_counts(case(f"files/{file}"), columns={"u": "area"}, words={"unit": "service"})
    assert counts["count"].sum("area").to_numpy().tolist() == [30, 3, 8] and counts.sizes["area"] == 11
    assert CountWords.of(counts, ["On target"]).areas == "services"


def test_two_groups_are_a_contrast_and_no_ranking(tmp_path):
    file = tmp_path / "two.csv"
    file.write_text("area,on time,late\nNorth,12,8\nSouth,20,30\n", encoding="utf-8")
    folder = run(tmp_path / "out", "counts", "--data", str(file), "--statuses", "on time", "late")
    contrast = pd.read_csv(folder / "contrasts.csv").iloc[0]
    assert contrast["raw_difference"] == pytest.approx(12 / 20 - 20 / 50)
    assert contrast["p_fisher"] == pytest.approx(0.1847, abs=1e-4)
    assert not (folder / "ranks.csv").exists() and not (folder / "ranks.svg").exists()
    answer = summary(folder)["answer"]
    points = " ".join(summary(folder)["points"])
    assert "12 of 20 targets of North (60%) and 20 of 50 targets of South (40%)" in answer
    assert "Fisher's exact test, two-tailed: p = 0.185" in points and "best of" not in answer + points


def test_checks_that_fail_are_said_in_the_answer(tmp_path):
    made = bt.simulate_authorities({"inner": 40, "outer": 40}, change="points", sigma=1.0, seed=1)
    frame = pd.DataFrame(
        {
            "school": made["authority"].to_numpy(),
            "region": made["authority_type"].to_numpy(),
            "target": made["target"].to_numpy().astype(int),
            "change": made["change"].to_numpy(),
        }
    )
    frame.loc[3, "change"] += 30
    file = tmp_path / "far.csv"
    frame.to_csv(file, index=False)
    folder = run(
        tmp_path / "out",
        "authorities",
        "--data",
        str(file),
        "--columns",
        "school=authority",
        "region=authority_type",
    )
    answer = " ".join(summary(folder)["points"])
    assert "The model does not give the" in answer and "highest value (predictive p 0.000)" in answer
    assert "some schools lie too far off" in answer


def test_of_many_groups_a_page_shows_those_at_both_ends(tmp_path):
    made = bt.simulate_authorities({f"region {i}": 4 for i in range(60)}, tau=3.0, seed=1)
    frame = pd.DataFrame(
        {
            "school": made["authority"].to_numpy(),
            "region": made["authority_type"].to_numpy(),
            "target": made["target"].to_numpy().astype(int),
            "change": made["change"].to_numpy(),
        }
    )
    file = tmp_path / "many.csv"
    frame.to_csv(file, index=False)
    folder = run(
        tmp_path / "out",
        "authorities",
        "--data",
        str(file),
        "--columns",
        "school=authority",
        "region=authority_type",
    )
    types = pd.read_csv(folder / "types.csv")
    assert types.query("quantity == 'target, partial'").shape[0] == 60
    figure = (folder / "types_target.svg").read_text(encoding="utf-8")
    assert "12 highest and 12" in figure and len(set(re.findall(r">region \d+", figure))) == 24
    assert (folder / "report.html").stat().st_size < 400_000
    assert "59 contrasts of regions are in the CSV file" in texts(folder)


@besides("cases/files/points.csv")
def test_the_old_names_still_take_a_users_file_and_say_the_new_ones(tmp_path, capsys):
    file = str(FILES / "points.csv")
    common = ["--data", file, "--out", str(tmp_path), "--draws", "250", "--engine", "exact"]
    assert main(["cohesion_authorities", *common]) == 0
    assert "is now called authorities" in capsys.readouterr().err
    title = summary(tmp_path / "cohesion_authorities")["title"]
    assert title == "Change in score of authorities, with and without the target"
