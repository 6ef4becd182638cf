"""The page of printed estimates: its sentence, its tables and its figures, from the cases with a known answer."""

import io
import re
from dataclasses import replace
from importlib.metadata import version

import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.plots import save_bytes
from bayes_targets.report.table import plain_names, table_result
from bayes_targets.report.word import result_markdown, table_markdown, word_document
from cases import case

BEDS = {
    "focus": "Reform x treat", "better": "lower", "smallest": 0.01, "clusters": 430, "unit": "admissions a head",
    "stars": {"*": 0.10, "**": 0.05, "***": 0.01}, "tails": 1,
}  # fmt: skip


def result_of(evaluation):
    evaluations = evaluation if isinstance(evaluation, dict) else {"": evaluation}
    posteriors = {name: bt.fit(bt.published_model(each), seed=1) for name, each in evaluations.items()}
    return table_result(evaluations, posteriors)


def read(file, **options):
    return result_of(bt.read_estimates(case(f"tables/{file}"), **options))


@pytest.fixture(scope="module")
def beds():
    return read("norway_beds.csv", **BEDS)


ANSWERS = {
    "relative_targets_t.csv": "Very likely higher (98.9%), by more than 0.02: 91%.",
    "qof_odds_ratios.csv": "Virtually certain lower (> 99%), beyond an odds ratio of 0.95: > 99%.",
    "knowsley_did.csv": "Likely higher, the unfavourable way (87%); lower by more than 0.5: 5%.",
    "few_clusters.csv": "Very likely lower (98%), by more than 1: 94%.",
    "pounds.csv": "Virtually certain higher (> 99%), by more than 50: > 99%.",
}
OPTIONS = {
    "relative_targets_t.csv": {"focus": "Contractibility", "better": "higher", "smallest": 0.02, "n": 244},
    "qof_odds_ratios.csv": {"focus": "25-50%", "better": "lower", "smallest": 0.95, "ratio": "odds ratio"},
    "knowsley_did.csv": {"focus": "DiD", "better": "lower", "smallest": 0.5},
    "few_clusters.csv": {"focus": "England x post", "better": "lower", "smallest": 1, "clusters": 6},
    "pounds.csv": {"focus": "Target", "better": "higher", "smallest": 50},
}


@pytest.mark.parametrize("file", list(ANSWERS))
def test_the_answer_comes_first_in_one_sentence(file):
    assert read(file, **OPTIONS[file]).answer == ANSWERS[file]


def test_words_of_a_sampled_posterior_say_how_near_their_boundary_is():
    """P is .902, and 4,000 draws leave half a point: the page must not read the same as one that is exact."""
    table = pd.DataFrame({"term": ["Target"], "estimate": ["1.293"], "se": ["1.000"]})
    asked = bt.read_estimates(table, focus="Target", better="higher", smallest=0.5)
    posterior = bt.fit(bt.published_model(asked), seed=1)
    assert table_result({"": asked}, {"": posterior}).answer.startswith("Very likely higher (90%)")
    posterior.attrs["engine"] = "nuts"
    found = table_result({"": asked}, {"": posterior})
    assert found.answer.startswith("Very likely (within simulation error of likely) higher (90% ± 1)")
    reading = found.tables["claims"].frame["reading"].iloc[0]
    assert reading == "very likely (within simulation error of likely)"
    assert "The posterior is sampled by NUTS." in found.methods[0]


def test_an_assignment_of_the_users_own_words_is_not_called_unknown():
    table = pd.DataFrame({"term": ["Target"], "estimate": ["1.293"], "se": ["1.000"]})
    asked = bt.read_estimates(table, focus="Target", better="higher", smallest=0.5)
    asked = replace(asked, assignment="a rule of the ministry")
    found = table_result({"": asked}, {"": bt.fit(bt.published_model(asked), seed=1)})
    told = "Units came to be treated by a rule of the ministry"
    assert found.points[-1].startswith(told) and found.limits[0].startswith(told)


def test_the_answer_names_the_unit(beds):
    assert beds.answer == "Very likely lower (95%), by more than 0.01 admissions a head: 87%."
    sceptic, account, assigned = beds.points
    assert sceptic.startswith("What a sceptic would say: Not convincing")
    assert account.startswith("What would account for it: An omitted cause would have to explain 8%")
    assert "How units came to be treated is not stated" in assigned


def test_tables_and_figures_are_the_contract(beds):
    assert list(beds.tables)[:3] == ["comparison", "claims", "robustness"]
    assert beds.tables["comparison"].frame.index.name == "term" and len(beds.tables["comparison"].frame) == 15
    assert beds.tables["robustness"].frame.index.name == "question"
    assert set(beds.pictures) == {"masses", "forest"}
    shown = beds.tables["comparison"].shown.iloc[0]
    assert shown["Worth having"] == "87%" and shown["Practically none"] == "12%"


def test_claims_stand_under_four_priors_where_an_effect_was_hoped_for(beds):
    frame = bt.read_estimates(
        pd.DataFrame({"term": ["Target"], "estimate": ["0.952"], "se": ["0.659"]}),
        focus="Target", better="higher", smallest=0.5, hoped=1.0,
    )  # fmt: skip
    claims = result_of(frame).tables["claims"].frame
    grid = bt.prior_sensitivity(bt.published_model(frame), hoped=1.0).grid.set_index(["attitude", "family"])
    first = claims.iloc[0]
    assert first["neutral"] == pytest.approx(0.924, abs=5e-4)
    assert first["sceptical"] == pytest.approx(grid.loc[("sceptical", "normal"), "prob_positive"], abs=1e-6)
    assert first["enthusiastic"] == pytest.approx(
        grid.loc[("enthusiastic", "normal"), "prob_positive"], abs=1e-6
    )
    assert first["even_chance"] == pytest.approx(grid.loc[("neutral", "spike"), "prob_positive"], abs=1e-6)
    # Exactly no effect is practically none: with it the even chance is most of the answer.
    assert claims["even_chance"].iloc[2] > grid.loc[("neutral", "spike"), "prob_zero"]
    bare = beds.tables["claims"]
    assert bare.frame[["sceptical", "enthusiastic", "even_chance"]].isna().all(axis=None)
    assert "nothing says which effect was hoped for" in bare.caption


def test_several_terms_and_models_stand_together():
    several = bt.read_estimates(
        case("tables/regression_as_printed.tsv"),
        brackets="se",
        focus=["Target", "Stretch"],
        better="higher",
        smallest=0.5,
    )
    result = result_of(several)
    assert result.answer.count("by more than 0.5") == 2
    assert any("2 effects are in question" in limit for limit in result.limits)
    assert list(result.tables["comparison"].shown["Term"]) == ["Target", "Stretch"]


def test_what_has_no_standard_error_is_said_and_what_is_missing_is_asked_for():
    result = read("betas_p.csv", focus="Target", better="higher", smallest=0.1, n=147)
    assert any(
        note.startswith("Not fitted: Deprivation: the table gives only a bound") for note in result.notes
    )
    assert any(
        note.startswith("Standard error of Target: 0.09697 (0.09438 to 0.09957)") for note in result.notes
    )
    with pytest.raises(bt.DataError, match=r"the page needs focus.*better.*smallest"):
        read("t_against_slope.csv")


def test_prior_and_data_in_conflict_are_said_in_the_answer():
    result = read("pounds.csv", focus="Target", better="higher", smallest=50, hoped=1)
    assert any(point.startswith("Prior and data are in conflict") for point in result.points)


def test_no_causal_verb_and_no_code_name_is_used(beds):
    words = " ".join([beds.answer, *beds.points, *beds.limits, *beds.methods, beds.paragraph])
    words += " ".join(table.caption + table_markdown(table) for table in beds.tables.values())
    assert not re.search(r"\b(helped|caused|led to|raised|reduced|improved|thanks to)\b", words)
    assert not re.search(r"\b(prob_better|rope_|sceptical_limit|published_se|nan)\b", words)


def test_the_paragraph_says_all_that_a_report_needs(beds):
    for part in (
        "admissions a head",
        "normally distributed",
        "95% equal-tailed interval",
        "probability 95%",
        f"bayes_targets {version('bayes-targets')}",
        "To cite",
    ):
        assert part in beds.paragraph


def test_a_result_becomes_markdown_and_word(beds):
    import docx

    markdown = result_markdown(beds, title="A title", question="A question?").decode()
    assert markdown.startswith("# A title") and "| Question | Answer |" in markdown
    figures = {name: save_bytes(picture.figure, "png") for name, picture in beds.pictures.items()}
    document = docx.Document(
        io.BytesIO(word_document(beds, figures, title="A title", question="A question?"))
    )
    text = "\n".join(paragraph.text for paragraph in document.paragraphs)
    assert beds.answer in text and beds.paragraph in text
    assert len(document.tables) == len(beds.tables) and len(document.inline_shapes) == 2


def test_models_keep_their_headings_as_far_as_a_file_takes_them():
    assert list(plain_names({"M1": 1, "M2/b": 2, "posterior": 3})) == ["M1", "M2-b", "posterior (3)"]


def test_one_term_of_two_models_is_told_apart():
    frame = pd.DataFrame({"term": ["Target"], "estimate": ["0.95"], "se": ["0.6"]})
    both = {
        name: bt.read_estimates(frame, focus="Target", better="higher", smallest=0.5) for name in ("M1", "M2")
    }
    answer = result_of(both).answer
    assert answer.startswith("Target (M1): ") and "Target (M2): " in answer


def test_what_is_practically_none_is_a_range_of_ratios():
    odds = read("qof_odds_ratios.csv", **OPTIONS["qof_odds_ratios.csv"])
    assert "Practically none: an odds ratio between 0.95 and 1.053" in odds.tables["claims"].frame.index
