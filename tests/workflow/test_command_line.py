"""The options: what each hands on, and how the same is asked for again."""

import inspect

import pytest

import bayes_targets as bt
from bayes_targets.errors import DataError
from bayes_targets.run import main
from bayes_targets.workflow import catalogue, command_line
from bayes_targets.workflow.settings import Settings

COUNTS = ["lpsa_policy_areas", "--data", "mine.csv"]
OPTIONS = {
    "table": [
        "--focus",
        "Reform x treat",
        "--better",
        "lower",
        "--smallest",
        ".01",
        "--n",
        "244",
        "--tails",
        "1",
    ],
    "pool": ["--ratio", "odds ratio", "--moderators", "year", "dose", "--selection", "one:.025,.05"],
    "authorities": [
        "--controls",
        "a",
        "b",
        "--change",
        "points",
        "--words",
        "unit=school",
        "outcome=pass rate",
    ],
    "counts": ["--statuses", "On target", "Off", "--missing", "[c]", "-"],
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of analyses, one for each kind of file."""
    for kind in catalogue.READER_OPTIONS:
        (tmp_path / f"{kind}.py").write_text(f'"""Title of {kind}.\n\nA question?\n"""\nDATA = "{kind}"\n')
    (tmp_path / "shipped.py").write_text('"""Shipped."""\n')
    (tmp_path / "old.py").write_text('"""Old."""\nDATA = "counts"\n')
    monkeypatch.setattr(catalogue, "analyses_folder", lambda: tmp_path)
    return tmp_path


def test_options_become_keywords_of_the_reader():
    request = command_line.parse([*COUNTS, "--columns", "a=b=c", "--statuses", "x", "y", "--header", "3"])
    assert request.reading == {"columns": {"a=b": "c"}, "statuses": ["x", "y"], "header": 3}
    assert request.modelling == {}
    assert [entry.name for entry in request.entries] == ["lpsa_policy_areas"]


def test_one_focus_is_a_text_and_several_are_many(own):
    ask = ["table", "--data", "t.csv", "--focus"]
    assert command_line.parse([*ask, "a b"]).reading == {"focus": "a b"}
    assert command_line.parse([*ask, "a", "b"]).reading == {"focus": ["a", "b"]}


def test_stars_words_selection_and_priors_are_read(own):
    stars = command_line.parse(["table", "--data", "t.csv", "--stars", "*:.05 **:.01", "***:1e-3"]).reading
    assert stars == {"stars": {"*": 0.05, "**": 0.01, "***": 0.001}}
    words = command_line.parse(["counts", "--data", "t.csv", "--words", "outcome=a=b", "unit=school"]).reading
    assert words == {"words": {"outcome": "a=b", "unit": "school"}}
    pool = [
        "pool",
        "--data",
        "t.csv",
        "--selection",
        "One:.025,0.05",
        "--prior",
        "mu=Normal(0, 0.05)",
        "tau=0",
    ]
    assert command_line.parse(pool).modelling == {
        "selection": "one:0.025,0.05",
        "priors": {"mu": bt.Normal(0, 0.05), "tau": 0.0},
    }


@pytest.mark.parametrize("kind", OPTIONS)
def test_the_settings_give_the_options_that_ask_for_the_same(own, kind):
    request = command_line.parse([kind, "--data", "mine.csv", *OPTIONS[kind], "--columns", "x=y"])
    settings = Settings(data=request.options.data, reading=request.reading, modelling=request.modelling)
    again = command_line.parse([kind, *settings.as_options()])
    assert (again.reading, again.modelling) == (request.reading, request.modelling)
    assert request.reading


@pytest.mark.parametrize("kind", OPTIONS)
def test_an_option_of_another_analysis_is_refused_with_those_that_take_it(own, kind):
    for other, options in OPTIONS.items():
        if other == kind:
            continue
        with pytest.raises(DataError, match=rf"'{kind}' does not take it; those that do: .*{other}"):
            command_line.parse([kind, "--data", "mine.csv", *options])


def test_analyses_of_own_data_need_a_file_and_are_no_part_of_a_full_run(own, capsys):
    assert [entry.name for entry in command_line.parse([]).entries] == ["old", "shipped"]
    with pytest.raises(DataError, match=r"^table: no data, expected --data FILE$"):
        command_line.parse(["table"])
    assert main(["--list"]) == 0
    shipped, own_data = capsys.readouterr().out.split("\n\n")
    assert "old" in shipped and "table" not in shipped
    assert "table" in own_data and "old" not in own_data


def test_a_script_says_what_kind_of_file_it_takes(tmp_path):
    (tmp_path / "mine.py").write_text('"""Mine."""\nDATA = "tabel"\n')
    with pytest.raises(DataError, match="DATA is 'tabel', expected one of table, pool"):
        catalogue.find_analysis(str(tmp_path / "mine.py"))


@pytest.mark.parametrize(
    ("text", "prior"),
    [
        ("HalfNormal(sigma=0.01)", bt.HalfNormal(0.01)),
        (" Normal(-1e-2, 2) ", bt.Normal(-0.01, 2)),
        ("Flat()", bt.Flat()),
        ("-0.5", -0.5),
    ],
)
def test_a_prior_is_read_from_the_words_that_print_it(text, prior):
    assert command_line.read_prior(text) == prior


NO_PRIORS = (
    "",
    "Normal",
    "Normal(0)",
    "Normal('a', 1)",
    "Normal(True, 1)",
    "bt.Normal(0, 1)",
    "Prior()",
    "[1]",
)
NO_PRIORS += ("__import__('os')", "1e999", "nan", "Normal(*[0, 1])", "(" * 150, "Normal(0, 1); 1", "9" * 5000)


@pytest.mark.parametrize("text", NO_PRIORS)
def test_what_is_no_prior_is_refused(text):
    with pytest.raises(DataError, match=r"found .*, expected a number or one of"):
        command_line.read_prior(text)


@pytest.mark.parametrize("kind", ["table", "pool", "authorities", "counts"])
def test_a_template_is_comments_and_a_row_of_headings(kind, capsys, tmp_path):
    assert main(["--template", kind]) == 0
    *comments, headings = capsys.readouterr().out.splitlines()
    assert all(line.startswith("#") for line in comments) and "," in headings
    assert all(len(line) <= 140 for line in comments)
    assert main(["--template", kind, str(tmp_path / "new.csv")]) == 0
    assert (tmp_path / "new.csv").read_text(encoding="utf-8") == command_line.template(kind)
    assert main(["--template", kind, str(tmp_path / "new.csv")]) == 2
    assert "is there already, expected a new file" in capsys.readouterr().err


READERS = {
    "table": bt.read_estimates,
    "pool": bt.read_evaluations,
    "authorities": bt.read_authorities,
    "counts": bt.read_counts,
}


@pytest.mark.parametrize("kind", READERS)
def test_every_option_of_an_analysis_is_a_keyword_of_its_reader(kind):
    taken = set(inspect.signature(READERS[kind]).parameters)
    renamed = {"controls": "covariates"} if kind == "counts" else {}
    options = {renamed.get(name, name) for name in catalogue.READER_OPTIONS[kind]}
    assert options <= taken, options - taken


def test_every_option_is_known_to_the_parser():
    known = vars(command_line.parser().parse_args([]))
    for kind in catalogue.READER_OPTIONS:
        assert catalogue.READER_OPTIONS[kind] | catalogue.MODEL_OPTIONS[kind] <= set(known)


@pytest.mark.parametrize("width", [40, 79, 120])
def test_the_help_is_as_wide_as_the_terminal(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width + 1))
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= max(width, 79)
    assert text.count("  python -m bayes_targets.run") == 3 and "docs/start.md" in text


def test_what_the_reader_and_the_page_lack_is_asked_for_in_one_message(tmp_path, capsys):
    table = tmp_path / "t.csv"
    table.write_text("term,estimate\nTarget,.42**\n")
    assert main(["table", "--data", str(table), "--better", "higher", "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "give their levels, such as --stars '*:.05 **:.01' and --tails 2" in message
    assert message.endswith(
        "; the page also needs --focus, the term in question; --smallest, the smallest effect worth having"
    )
    trials = tmp_path / "trials.csv"
    trials.write_text("study,events_treated,n_treated,events_control,n_control\nA,0,100,5,98\nB,3,50,4,52\n")
    assert main(["pool", "--data", str(trials), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "risk difference" in message
    assert message.endswith("; the page also needs --better, the favourable direction")


def test_a_negative_number_with_an_exponent_is_a_value_and_no_option():
    asked = command_line.parse(["pool", "--data", "t.csv", "--better", "lower", "--hoped", "-5e-05"])
    assert asked.reading["hoped"] == -5e-05
