"""The study odpm2005 holds what the report prints, and claims that can be judged."""

import re

import numpy as np
import pytest

from bayes_targets.readers.package import CLAIM_COLUMNS, load_study
from cases import SHARED, besides

SOURCES = SHARED / "sources"

# Transcribed a second time, from the report and not from the CSV: green, amber, red, total, percentages.
TABLE_1 = {
    "2005 finish": ("35 38 27 100", "35 38 27"),
    "2006 finish": ("28 18 9 55", "51 33 16"),
    "All": ("63 56 36 155", "41 36 23"),
}
TABLE_2 = {
    "National targets": ("37 41 33 111", "33 37 30"),
    "Local targets": ("24 14 6 44", "55 32 14"),
    "All targets": ("- - - 155", "- - -"),
}
TABLE_3 = {
    "Education": ("10 9 16 35", "29 26 46"),
    "Health": ("3 5 3 11", "27 45 27"),
    "Social care": ("9 9 1 19", "47 47 5"),
    "Drug treatment": ("2 1 0 3", "67 33 0"),
    "Transport": ("3 5 6 14", "21 36 43"),
    "E-government": ("2 1 0 3", "67 33 0"),
    "Environment & housing": ("17 7 2 26", "65 27 8"),
    "Crime": ("5 5 3 13", "38 38 23"),
    "Economy & employment": ("2 6 1 9", "22 67 11"),
    "Fire": ("1 1 1 3", "33 33 33"),
    "Cost effectiveness": ("4 4 2 10", "40 40 20"),
    "Other": ("5 3 1 9", "56 33 11"),
    "Total": ("63 56 36 155", "41 36 23"),
}
APPENDIX_2 = """
East Riding of Yorkshire Council|Unitary|GOYH|Good|1|2005|No|282|1|2
Leeds City Council|Met District|GOYH|Good|1|2005|Yes|668|3|4
Manchester City Council|Met District|GONW|Good|2|2005|Yes|528|4|5
Kirklees Metropolitan Council|Met District|GOYH|Excellent|3|2005|Yes|367|2|3
Devon County Council|Shire County|GOSW|Good|3|2005|No|546|2|2
Slough Borough Council|Unitary|GOSE|Fair|4|2005|No|125|4|2
Staffordshire County Council|Shire County|GOWM|Fair|4|2005|No|597|2|2
North Lincolnshire Council|Unitary|GOYH|Good|5|2005|No|152|1|3
Oxfordshire County Council|Shire County|GOSE|Fair|6|2006|No|451|2|1
London Borough of Havering|Outer LB|GOL|Weak|7|2006|No|218|3|2
Dorset County Council|Shire County|GOSW|Excellent|8|2006|No|291|2|1
Westminster City Council|Inner LB|GOL|Excellent|9|2006|Yes|236|5|3
Southampton City Council|Unitary|GOSE|Good|9|2006|Yes|210|5|3
Nottingham City Council|Unitary|GOEM|Weak|10|2006|Yes|295|4|5
"""
POSTERIORS = {"area": "policy_area", "kind": "kind", "finish": "finish"}


@pytest.fixture(scope="module")
def study():
    return load_study("odpm2005")


@pytest.mark.parametrize(
    ("name", "printed"), [("finish", TABLE_1), ("kind", TABLE_2), ("policy_area", TABLE_3)]
)
def test_the_tables_of_chapter_8_are_as_printed(study, name, printed):
    frame = study.tables[name].set_index(study.tables[name].attrs["label"])
    assert list(frame.index) == list(printed)
    for label, (counts, percents) in printed.items():
        row = frame.loc[label]
        found = ["-" if row.isna()[c] else str(row[c]) for c in ("green", "amber", "red", "total")]
        assert " ".join(found) == counts
        found = [row[f"{status}_percent_printed"] or "-" for status in ("green", "amber", "red")]
        assert " ".join(found) == percents


@besides("sources")
def test_the_tables_of_chapter_8_agree_with_the_extracted_text(study):
    text = next(SOURCES.glob("003_*.txt")).read_text(encoding="utf-8").splitlines()
    split = [line.strip().split("\t") for line in text]
    for row in study.tables["policy_area"].itertuples():
        counts = [str(n) for n in (row.total, row.green, row.amber, row.red)]
        percents = [row.green_percent_printed, row.amber_percent_printed, row.red_percent_printed]
        assert [row.area, *counts, *percents] in split
    for frame, word in ((study.tables["finish"], "Number"), (study.tables["kind"].iloc[:2], "number")):
        percent = "Percent" if word == "Number" else "percent"
        for label, *rest in frame.itertuples(index=False):
            start = split.index([label])
            assert split[start + 1] == [word, *(str(n) for n in rest[:4])]
            assert split[start + 2] == [percent, *rest[5::2]]


@besides("sources")
def test_the_case_studies_agree_with_the_extracted_text(study):
    text = next(SOURCES.glob("003_*.txt")).read_text(encoding="utf-8")
    for r in study.tables["case_studies"].itertuples():
        nrf = "Yes" if r.nrf else "No"
        cells = [r.authority, r.type, r.region, r.cpa_rating, r.batch, r.end_year, nrf]
        cells += [f"£{r.net_budget_printed}m", r.density_quintile, r.deprivation_quintile]
        assert "\t".join(str(cell) for cell in cells) in text


def test_the_case_studies_are_as_printed(study):
    frame = study.tables["case_studies"].drop(columns="net_budget")
    frame = frame.assign(nrf=frame["nrf"].map({True: "Yes", False: "No"}))
    assert ["|".join(str(cell) for cell in row) for row in frame.itertuples(index=False)] == (
        APPENDIX_2.strip().splitlines()
    )


def test_the_three_tables_count_one_population_whose_total_row_is_named(study):
    names = ("finish", "kind", "policy_area")
    assert len({study.tables[name].attrs["population"] for name in names}) == 1
    for name in names:
        frame = study.tables[name]
        attrs = frame.attrs
        assert frame[attrs["label"]].iloc[-1] == attrs["total_label"]
        assert frame[attrs["total"]].iloc[-1] == 155
        assert set(attrs["statuses"]) | set(attrs["percents"].values()) | {attrs["total"]} <= set(frame)


def test_the_survey_shares_are_those_of_the_report(study):
    survey = study.tables["survey"]
    by_question = {
        question: rows["share_printed"].tolist() for question, rows in survey.groupby("question", sort=False)
    }
    assert by_question == {
        "selection": ["30", "20", "21"],
        "consistency": ["93"],
        "strategy": ["87"],
        "strategy evaluated": ["63"],
        "pump priming": ["80"],
        "pump priming, strength": ["50"],
        "extra resources": ["80"],
        "innovation": ["14", "29", "53", "4"],
        "LSP involvement": ["50", "15", "22.5", "25"],
        "LSP expectation": ["50"],
        "LSP expectation, NRF areas": ["70"],
        "LSP priority": ["33.3"],
    }


def test_a_question_that_is_exhaustive_adds_up_to_all_respondents(study):
    survey = study.tables["survey"]
    assert survey.attrs["exhaustive"] == ["innovation"]
    assert survey.loc[survey["question"] == "innovation", "share"].sum() == 100


def test_the_rounding_of_a_share_follows_how_it_is_printed(study):
    for row in study.tables["survey"].itertuples():
        if row.relation == "above":
            assert np.isnan(row.half_width), row.id
        elif re.fullmatch(r"\d+%", row.as_printed):
            assert row.as_printed == f"{row.share_printed}%" and row.half_width == 0.5, row.id
        elif row.relation == "range":
            low, high = (float(end) for end in re.findall(r"\d+", row.as_printed))
            assert (row.share - row.half_width, row.share + row.half_width) == (low, high), row.id
        else:
            assert row.half_width == 5, row.id


def test_a_base_that_is_not_printed_lies_within_the_responses(study):
    bases = study.tables["survey_bases"].set_index("id")["value_printed"]
    assert bases.to_dict() == {
        "responses": "840",
        "rate-introduction": "53",
        "rate-appendix": "53.5",
        "coordinators": "89",
        "target-owners": "643",
        "pilots": "52",
    }
    survey = study.tables["survey"]
    own = survey[survey["survey"] == "LPSA survey"]
    known = own["base"].notna()
    assert own.loc[known, "base"].tolist() == [643]
    assert (own.loc[~known, "base_low"] <= own.loc[~known, "base_high"]).all()
    assert (own.loc[~known, "base_high"] <= 840).all()
    other = survey[survey["survey"] != "LPSA survey"]
    assert other[["base", "base_low", "base_high"]].isna().all(axis=None)


def test_the_colours_are_defined_by_the_printed_probabilities(study):
    meaning = study.tables["status_meaning"].set_index("status")
    ends = meaning[["probability_low", "probability_high"]]
    assert ends.loc["green"].tolist() == [0.75, 1.0]
    assert ends.loc["amber"].tolist() == [0.50, 0.75]
    assert ends.loc["red", "probability_low"] == 0 and np.isnan(ends.loc["red", "probability_high"])
    assert "60%" in meaning.loc["red", "also"]


def test_there_are_enough_claims_and_each_can_be_judged_or_says_why_not(study):
    claims = study.claims
    assert tuple(claims.columns) == CLAIM_COLUMNS
    assert (claims["direction"] != "none").sum() >= 12
    for claim in claims.itertuples():
        judged = claim.direction != "none"
        assert bool(claim.estimand) == judged, claim.id
        assert np.isfinite(claim.threshold) == judged, claim.id
        assert np.isfinite(claim.threshold_high) == (claim.direction == "within"), claim.id
        assert claim.true_if.endswith("."), claim.id


def test_every_estimand_names_rows_of_its_table_and_not_its_total(study):
    reference = r"(area|kind|finish)_(?:green|not_red):(?:share\[([^]]+)\]|overall_share)"
    for estimand in study.claims["estimand"]:
        for posterior, label in re.findall(reference, estimand):
            frame = study.tables[POSTERIORS[posterior]]
            assert label in ("", *frame[frame.attrs["label"]].iloc[:-1])
        assert re.sub(reference, "x", estimand) in ("", "x", "x - x")


def test_raw_shares_sit_on_the_side_that_the_report_claims_or_a_discrepancy_says_so(study):
    """Where the raw shares of the table contradict a claim, the contradiction is noted."""
    shares = {}
    for posterior, table in POSTERIORS.items():
        frame = study.tables[table]
        rows = frame.iloc[:-1].set_index(frame.attrs["label"])
        hits = {"green": rows["green"], "not_red": rows["green"] + rows["amber"]}
        for status, count in hits.items():
            shares[f"{posterior}_{status}:overall_share"] = count.sum() / rows["total"].sum()
            for label in rows.index:
                shares[f"{posterior}_{status}:share[{label}]"] = count[label] / rows["total"][label]
    contradicted = set()
    for claim in study.claims[study.claims["direction"] != "none"].itertuples():
        first, _, second = claim.estimand.partition(" - ")
        value = shares[first] - (shares[second] if second else 0)
        high = {"below": claim.threshold, "within": claim.threshold_high}.get(claim.direction, np.inf)
        low = -np.inf if claim.direction == "below" else claim.threshold
        if not low < value < high:
            contradicted.add(claim.id)
    noted = set("; ".join(study.tables["discrepancies"]["bears_on"]).split("; "))
    assert contradicted == {
        "slightly-less-optimism",
        "cost-effectiveness-missed",
        "cost-effectiveness-top",
        "cost-effectiveness-majority",
    }
    assert contradicted <= noted


def test_discrepancies_bear_on_claims_and_tables_that_exist(study):
    known = set(study.claims["id"]) | set(study.tables) | {""}
    frame = study.tables["discrepancies"]
    for row in frame.itertuples():
        assert set(row.bears_on.split("; ")) <= known, row.id
    assert {"cost-effectiveness", "response-rate", "survey-report", "thirteen-of-fourteen"} <= set(
        frame["id"]
    )


@besides("sources")
def test_no_text_of_ours_repeats_eight_words_of_the_source(study):
    """A sentence of the source would repeat many more."""
    text = next(SOURCES.glob("003_*.txt")).read_text(encoding="utf-8").lower()
    words = re.findall(r"[\w']+", text)
    runs = {tuple(words[i : i + 8]) for i in range(len(words) - 7)}
    for name in ("claims", "discrepancies", "survey", "status_meaning"):
        for text in study.tables[name].select_dtypes("str").to_numpy().ravel():
            own = re.findall(r"[\w']+", text.lower())
            assert not runs & {tuple(own[i : i + 8]) for i in range(len(own) - 7)}, text
