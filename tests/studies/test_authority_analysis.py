"""From a file of authorities to a page in one command, and a reconstruction that never passes for observed data."""

import re

import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.comparison.authority_tables import (
    NOT_DETERMINED,
    marked,
    pooled_comparison,
    stack_datasets,
)
from bayes_targets.model import NotExactError
from bayes_targets.run import main
from bayes_targets.workflow import settings as run_settings

pytestmark = pytest.mark.usefixtures("undrawn")

TYPES = {"county": 27, "metropolitan borough": 36, "London borough": 32, "unitary authority": 55}


@pytest.fixture(scope="module")
def own_file(tmp_path_factory):
    """150 simulated authorities under column names of a user's own."""
    made = bt.simulate_authorities(TYPES, seed=1)
    frame = pd.DataFrame(
        {
            "authority": made["authority"].to_numpy(),
            "kind": made["authority_type"].to_numpy(),
            "cohesion_2006": made["baseline"].to_numpy(),
            "cohesion_2008": made["outcome"].to_numpy(),
            "target": made["target"].to_numpy().astype(int),
        }
    )
    path = tmp_path_factory.mktemp("own") / "mine.csv"
    frame.to_csv(path, index=False)
    return path


def command(path, out, *more):
    columns = ["--columns", "kind=authority_type", "cohesion_2006=baseline", "cohesion_2008=outcome"]
    return ["cohesion_authorities", "--data", str(path), "--out", str(out), "--quiet", *columns, *more]


def test_a_users_file_goes_to_the_page_in_one_command(own_file, tmp_path):
    assert main(command(own_file, tmp_path)) == 0
    folder = tmp_path / "cohesion_authorities"
    table = pd.read_csv(folder / "comparison.csv").set_index("term")
    authorities = bt.read_authorities(
        own_file,
        columns={"kind": "authority_type", "cohesion_2006": "baseline", "cohesion_2008": "outcome"},
    )
    ols = bt.fit_ols(authorities, effect="target")
    assert table.loc["target", "ols_estimate"] == pytest.approx(ols.loc["target", "estimate"], rel=1e-4)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "RECONSTRUCTED" not in page and "--columns" in page
    assert pd.read_csv(folder / "checks.csv")["passed"].all()


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ({"none"}, "no pooling"),
        ({"complete"}, "complete pooling"),
        ({"none", "complete", "by_type"}, "slope by"),
    ],
)
def test_of_units_alternatives_that_fail_are_left_out_and_the_answer_stands(
    own_file, tmp_path, monkeypatch, lost, said
):
    whole = run_settings.fit_and_check

    def fails(task, seed=None):
        if lost & set(task[0].options.values()):
            raise NotExactError("its type is bent")
        return whole(task, seed)

    monkeypatch.setattr(run_settings, "fit_and_check", fails)
    assert main(command(own_file, tmp_path, "--draws", "250")) == 0
    folder = tmp_path / "cohesion_authorities"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert re.search(rf"{said}[^<:]*: it cannot be solved exactly \(its type is bent\)", page)
    assert (folder / "comparison.csv").is_file()
    assert (folder / "pooling.csv").exists() == (len(lost) == 1)
    assert (folder / "types_target.svg").exists() == ("none" not in lost)
    assert "With 150 authorities" not in page


def test_a_bad_cell_of_the_file_is_told_with_row_and_column(own_file, tmp_path, capsys):
    broken = tmp_path / "broken.csv"
    lines = own_file.read_text().splitlines()
    lines[3] = lines[3].replace("county", "county", 1).rsplit(",", 1)[0] + ",2"
    broken.write_text("\n".join(lines))
    assert main(command(broken, tmp_path / "out")) == 2
    assert "row 3, column 'target': found '2'" in capsys.readouterr().err
    assert not (tmp_path / "out" / "cohesion_authorities").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["audit", "--data", "FILE"], "the analysis 'audit' takes no file"),
        (["--data", "FILE"], "name the analysis that the file is for: table, pool, authorities"),
        (["cohesion_authorities", "--data", "absent.csv"], "absent.csv: cannot be read"),
        (["cohesion_authorities", "--controls", "x"], "expected --data FILE with it"),
        (["cohesion_authorities", "--data", "FILE", "--columns", "kind"], "found 'kind', expected OLD=NEW"),
    ],
)
def test_options_that_do_not_go_together_are_told(own_file, tmp_path, capsys, arguments, message):
    arguments = [str(own_file) if word == "FILE" else word for word in arguments]
    assert main([*arguments, "--out", str(tmp_path), "--quiet"]) == 2
    assert message in capsys.readouterr().err


@pytest.fixture(scope="module")
def ensemble():
    made = bt.reconstruct(bt.load_study("andrews2014"), model="target", n_datasets=3, seed=1)
    fits = [
        bt.fit(bt.cohesion_model(made.isel(dataset=i)), engine="exact", seed=i, progress=False)
        for i in range(3)
    ]
    return stack_datasets(fits)


def test_a_reconstruction_is_compared_with_the_print_and_says_what_it_is(ensemble):
    from bayes_targets.studies import andrews2014

    printed = andrews2014.ols(bt.load_study("andrews2014"), model=2)
    table = pooled_comparison(ensemble, printed, {"target": "LAA (target on)", "constant": "Constant"})
    assert table.index.tolist() == printed.index.tolist()
    assert table.attrs["origin"] == "reconstructed"
    assert table.loc["LAA (target on)", "mean"] == pytest.approx(0.86, abs=0.15)
    assert table["between_share"].between(0, 1).all()


def test_what_the_print_does_not_determine_is_marked_in_its_name():
    table = pd.DataFrame({"determined": ["yes", NOT_DETERMINED]}, index=pd.Index(["a", "b"], name="term"))
    assert marked(table).index.tolist() == ["a", f"b: {NOT_DETERMINED}"]


def test_stacking_nothing_is_refused():
    with pytest.raises(bt.DataError, match="found none"):
        stack_datasets([])
