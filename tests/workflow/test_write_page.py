"""The page from Python: the same as from the command line, and nothing of anybody else's replaced."""

import json

import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.run import main
from cases import case

pytestmark = pytest.mark.usefixtures("unpasted")


@pytest.fixture(scope="module")
def target():
    frame = pd.DataFrame(
        {"term": ["Target", "Size"], "estimate": ["0.952", "-0.04"], "se": ["0.659", "0.07"]}
    )
    return bt.read_estimates(
        frame, focus="Target", better="higher", smallest=0.5, unit="points", hoped=1, n=150
    )


def test_a_folder_holds_the_page_with_all_that_is_beside_it(target, tmp_path):
    page = bt.write_page(target, tmp_path / "deep" / "mine", word=True)
    assert page == tmp_path / "deep" / "mine" / "report.html"
    files = {file.name for file in page.parent.iterdir()}
    tables = {"comparison", "robustness", "claims", "audit"}
    assert files >= {f"{name}.csv" for name in {*tables, "checks", "table"}} | {
        f"{name}.tex" for name in tables
    }
    assert files >= {"posterior.nc", "report.docx", "report.md", "forest.svg", "masses.png", "summary.json"}
    text = page.read_text(encoding="utf-8")
    assert "Very likely higher (92%), by more than 0.5 points: 75%." in text and "../index.html" not in text
    assert 'href="table.csv"' in text and text.count("--data table.csv") == 1


def test_the_command_line_makes_the_same_of_the_table_beside_the_page(target, tmp_path):
    page = bt.write_page(target, tmp_path / "mine")
    status = main(
        ["table", "--data", str(page.parent / "table.csv"), "--out", str(tmp_path / "run"), "--quiet"]
    )
    assert status == 0
    ours, theirs = page.parent, tmp_path / "run" / "table"
    for name in ("robustness.csv", "claims.csv", "audit.csv"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name
    both = [
        json.loads((folder / "summary.json").read_text(encoding="utf-8"))["answer"]
        for folder in (ours, theirs)
    ]
    assert both[0] == both[1]


def test_an_earlier_page_is_replaced_and_nothing_else(target, tmp_path):
    bt.write_page(target, tmp_path / "mine")
    bt.write_page(target, tmp_path / "mine", seed=3)
    (tmp_path / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(bt.DataError, match=r"notes\.txt.*not replaced"):
        bt.write_page(target, tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text(encoding="utf-8") == "mine"
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "summary.json").write_text("{}", encoding="utf-8")
    with pytest.raises(bt.DataError, match="not replaced"):
        bt.write_page(target, tmp_path / "theirs")


def test_a_page_that_was_edited_is_not_replaced(target, tmp_path):
    page = bt.write_page(target, tmp_path / "mine")
    page.write_text("edited", encoding="utf-8")
    with pytest.raises(bt.DataError, match="was changed after it was written"):
        bt.write_page(target, tmp_path / "mine")


def test_what_is_missing_is_asked_for_before_anything_is_written(tmp_path):
    bare = bt.read_estimates(pd.DataFrame({"term": ["a"], "estimate": ["1"], "se": ["1"]}))
    with pytest.raises(bt.DataError, match=r"needs focus.*better.*smallest"):
        bt.write_page(bare, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
    for wrong in ({"folder": 5}, {"folder": ""}, {"folder": "x", "seed": "x"}, {"folder": "x", "draws": 0}):
        with pytest.raises(bt.DataError, match=r"expected (the path|a whole number)"):
            bt.write_page(bare, **wrong)
    with pytest.raises(bt.DataError, match="found DataFrame, expected an Evaluation"):
        bt.write_page(pd.DataFrame(), tmp_path / "mine")


def test_several_evaluations_have_their_page_too(tmp_path):
    several = bt.read_evaluations(
        case("evaluations/norway_diagnoses.csv"), better="lower", smallest=0.005, hoped=-0.01
    )
    page = bt.write_page(several, tmp_path / "pooled", draws=250)
    assert {"summary.csv", "comparison.csv", "table.csv"} <= {file.name for file in page.parent.iterdir()}


def test_word_without_its_package_is_told_before_anything_is_computed(target, tmp_path, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(bt.DataError, match=r"needs python-docx.*extra 'word'"):
        bt.write_page(target, tmp_path / "mine", word=True)


def test_several_models_come_on_one_page(tmp_path):
    models = bt.read_estimates(
        case("tables/regression_as_printed.tsv"),
        brackets="se", focus=["Target", "Stretch"], better="higher", smallest=0.5,
    )  # fmt: skip
    page = bt.write_page(models, tmp_path / "both")
    assert {"table_1.csv", "table_2.csv"} <= {file.name for file in page.parent.iterdir()}
    assert bt.read_estimates(page.parent / "table_2.csv").focus == "Stretch"
    text = page.read_text(encoding="utf-8")
    assert "Target: very likely higher (92%)" in text and "Stretch: virtually certain higher" in text
    for file in ("table_1.csv", "table_2.csv"):
        assert (
            f'href="{file}"' in text and "run table --seed 2014 --draws 1000 --tune 1000 --chains 4" in text
        )
        assert text.count(f"--data {file}</code>") == 1, "a command for each file"
    with pytest.raises(bt.DataError, match="found dict, expected an Evaluation"):
        bt.write_page({}, tmp_path / "none")
