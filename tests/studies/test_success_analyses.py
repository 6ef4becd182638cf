"""The analyses of success: from the printed counts or a user's file to a page."""

import re
from pathlib import Path

import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.errors import DataError
from bayes_targets.model import NotExactError
from bayes_targets.studies import odpm2005
from bayes_targets.workflow import settings as run_settings
from bayes_targets.workflow.analysis import Settings, conduct

pytestmark = pytest.mark.usefixtures("unpasted")

OWN = """service,done,late,missed
Roads,10,4,2
<b>Parks</b>,3,1,0
Libraries,0,1,0
Waste,7,6,9
"""


def settings(folder: Path, **options) -> Settings:
    return Settings(out=folder, draws=300, seed=1, **options)


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    folder, said = tmp_path_factory.mktemp("printed"), []
    outcome = conduct(["lpsa_policy_areas", "lpsa_kind_and_finish"], settings(folder), say=said.append)
    assert outcome.status == 0
    (folder / "said.txt").write_text("\n".join(said), encoding="utf-8")
    return folder


def test_progress_names_what_is_fitted_in_words(printed):
    lines = (printed / "said.txt").read_text(encoding="utf-8").splitlines()
    assert "lpsa_policy_areas: share green, no pooling" in lines
    assert "lpsa_kind_and_finish: finish year: all statuses" in lines
    assert [line for line in lines if "_" in line.partition(": ")[2]] == []


def test_areas_with_few_targets_are_marked_in_every_figure_of_areas(printed):
    for name in ("shares", "ranks", "statuses"):
        assert "†" in (printed / "lpsa_policy_areas" / f"{name}.svg").read_text(encoding="utf-8"), name


def test_every_way_to_model_the_areas_stands_in_one_comparison(printed):
    table = pd.read_csv(printed / "lpsa_policy_areas" / "comparison.csv")
    assert set(table["posterior"]) == {
        "area_green", "area_green_none", "area_green_complete", "area_ordinal", "area_multinomial"
    }  # fmt: skip
    raw = table.groupby("term")["ols_estimate"].nunique()
    assert (raw == 1).all()


def test_proportional_odds_are_compared_by_leaving_areas_out(printed):
    models = pd.read_csv(printed / "lpsa_policy_areas" / "models.csv", index_col="model")
    assert models.loc["ordinal", "elpd"] == pytest.approx(-44.46, abs=0.01)
    assert models.loc["multinomial", "elpd"] == pytest.approx(-45.22, abs=0.1)
    assert models["pseudo_bma"].sum() == pytest.approx(1)


def test_six_tables_could_be_meant_and_none_turns_the_contrast_around(printed):
    table = pd.read_csv(printed / "lpsa_kind_and_finish" / "misprint.csv", index_col="table")
    assert len(table) == 7 and table["weight"].sum() == pytest.approx(1)
    assert (table["prob_positive"] > 0.9).all()


def test_taking_optimism_off_lowers_the_predicted_hits(printed):
    hits = pd.read_csv(printed / "lpsa_kind_and_finish" / "hits.csv").query("quantity == 'total_hits'")
    assert hits["mean"].is_monotonic_decreasing and len(hits) == 3
    assert "SIMULATED" in (printed / "lpsa_kind_and_finish" / "hits.svg").read_text(encoding="utf-8")


def test_contrasts_stand_beside_fishers_test(printed):
    table = pd.read_csv(printed / "lpsa_kind_and_finish" / "contrasts.csv")
    local = table[(table["contrast"] == "local minus national") & (table["success"] == "green")].iloc[0]
    assert local["raw_difference"] == pytest.approx(24 / 44 - 37 / 111)
    assert local["p_fisher"] == pytest.approx(0.0177, abs=0.001)


def test_a_users_counts_go_from_file_to_page(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text(OWN, encoding="utf-8")
    out = tmp_path / "out"
    wanted = settings(
        out, data=file, reading={"columns": {"service": "area"}, "statuses": ["done", "late", "missed"]}
    )
    assert conduct(["lpsa_policy_areas"], wanted).status == 0
    page = (out / "lpsa_policy_areas" / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;Parks&lt;/b&gt;" in page and "<b>Parks</b>" not in page
    assert "ODPM" not in (out / "lpsa_policy_areas" / "comparison.csv").read_text(encoding="utf-8")


def counted(tmp_path, text):
    """The folder of an analysis of these counts."""
    file = tmp_path / "mine.csv"
    file.write_text(text, encoding="utf-8")
    assert conduct(["counts"], settings(tmp_path / "out", data=file)).status == 0
    return tmp_path / "out" / "counts"


def read(folder):
    return " ".join(re.sub(r"<[^>]+>", " ", (folder / "report.html").read_text(encoding="utf-8")).split())


def test_one_area_has_a_share_and_nothing_to_compare_it_with(tmp_path):
    folder = counted(tmp_path, "area,green,amber,red\nNorth,5,3,2\n")
    assert "5 of 10 targets of North were green (50%); allowing for so few, 50%" in read(folder)
    assert not {"ranks.csv", "chi_square.csv", "spread.csv"} & {path.name for path in folder.iterdir()}
    assert "highest" not in read(folder).partition("A paragraph to paste")[0].partition("Figures")[2]


@pytest.mark.parametrize("areas", ["North,0,5\nSouth,0,7\n", "North,5,0\nSouth,7,0\nEast,3,0\n"])
def test_where_all_targets_have_one_status_the_page_says_what_cannot_be_tested(tmp_path, areas):
    folder = counted(tmp_path, f"area,green,red\n{areas}")
    assert "There is no chi-square test: the targets are of one area, or of one status." in read(folder)
    assert not (folder / "chi_square.csv").exists()


@pytest.mark.parametrize(
    ("lost", "said"), [("ordinal", "ordinal"), ("multinomial", "multinomial"), ("none", "no pooling")]
)
def test_of_counts_an_alternative_that_fails_is_left_out_and_the_answer_stands(
    tmp_path, monkeypatch, lost, said
):
    whole = run_settings.fit_and_check

    def fails(task, seed=None):
        if lost in task[0].options.values():
            raise NotExactError("its area is bent")
        return whole(task, seed)

    monkeypatch.setattr(run_settings, "fit_and_check", fails)
    text = read(counted(tmp_path, OWN.replace("service,done,late,missed", "area,green,amber,red")))
    assert "has the highest share green: 3 of 4 targets" in text
    assert re.search(rf"{said}: it cannot be solved exactly \(its area is bent\)", text)
    assert ("not compared by leaving one area out" in text) == (lost in ("ordinal", "multinomial"))


def test_all_that_is_wrong_with_a_users_counts_is_told_and_nothing_is_written(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text(OWN.replace("10,4", "-10,4.5").replace("Waste", "Roads"), encoding="utf-8")
    with pytest.raises(DataError, match=r"(?s)3 problems.*Roads.*'-10'.*'4.5'"):
        conduct(
            ["lpsa_policy_areas"],
            settings(
                tmp_path / "out",
                data=file,
                reading={"columns": {"service": "area"}, "statuses": ["done", "late", "missed"]},
            ),
        )
    assert not (tmp_path / "out" / "lpsa_policy_areas").exists()


def test_columns_of_counts_are_renamed_or_the_mistake_is_told():
    frame = pd.DataFrame({"service": ["a", "b"], "good": [1, 2], "bad": [2, 1]})
    counts = bt.read_counts(frame, columns={"service": "area"}, statuses=["good", "bad"])
    assert counts["area"].to_numpy().tolist() == ["a", "b"]
    with pytest.raises(DataError, match="no column 'servise', did you mean 'service'"):
        bt.read_counts(frame, columns={"servise": "area"})
    with pytest.raises(DataError, match="cannot become 'good'"):
        bt.read_counts(frame, columns={"bad": "good"})


def test_each_setting_of_optimism_is_about_the_same_targets():
    study = bt.load_study("odpm2005")
    counts = odpm2005.counts(study, "finish")
    finish = bt.fit(bt.success_model(counts, outcome="ordinal", pooling="none"), seed=1)
    hits = odpm2005.hits_by_optimism(study, counts, finish)
    assert {int(data["targets"].sum()) for data in hits.values()} == {155}
