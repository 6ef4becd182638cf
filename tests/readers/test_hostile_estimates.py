"""Whatever a printed table looks like: an answer or one message, and never a number in another meaning than the printed one."""

import random

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayes_targets as bt
from cases import TYPED

CELLS = (
    "|-|NA|1e309|-1e-400|nan|inf|<.001|.000|ns|(.5)|[.1, .2]|0|1|Ref|***|1,234|1.234,5|\u22123|\u00bd|\x00|'=1|=cmd|1e-320|0.0|(0.659)|"
    "2 (1) (3)|.5*(.2)**|\ud800|--|1/2|5%|\u00a33|\u0663|1_000| |(|)|+|1e5|-0|" + "9" * 400
).split("|")
OPTIONS = {
    "focus": ["Target", ["Target"], "", 3, [1, 2], np.int64(3)],
    "better": ["higher", "up", 1, True],
    "smallest": [0.5, -1, 0, "x", "5%", np.float32(0.5), np.nan, 10**400],
    "hoped": [1, 0, -2, np.float64(0.5), "a"],
    "n": [150, 1, 2.5, "x", np.int64(150), 10**30, np.nan],
    "clusters": [6, 1, np.int8(6)],
    "df": [5, 0, 0.3, 1e9, np.inf, np.float32(7)],
    "ratio": ["odds ratio", "RR", "none", "x", 1],
    "model": ["Model 1", 1],
    "level": [0.9, 95, "90%", np.float32(0.9)],
    "brackets": ["se", "t", "p", "x", 1],
    "stars": ["*:.05 **:.01", {"*": 0.05}, "*", "*:2", 5, {"*": "x"}],
    "tails": [1, 3, "1", 1.5],
    "logs": ["none", "se", "both", "x"],
    "effect": ["risk difference", "Fisher z", "x", 1],
    "continuity": [0, -1, "x", 10],
    "columns": [{"b": "estimate"}, {"x": "y"}, 5, ["a"], "a=b"],
    "decimal": [",", ".", "x"],
    "separator": [",", "\t", "ab", ""],
    "header": [1, 0, "a", 100],
}
HEADERS = [
    "focus: Target",
    "n: 5",
    "n: x",
    "stars: *:.05",
    "covariance: [[1]]",
    "covariance: [[1",
    "tails: 1",
    "smallest: ",
]


def a_table(rng):
    """The first rows of a shared table, with some cells, characters and lines changed."""
    text = "\n".join(rng.choice(TEXTS).splitlines()[:7]) + "\n"
    for _ in range(rng.randint(0, 4)):
        lines, kind = text.split("\n"), rng.random()
        if kind < 0.5:
            place, mark = rng.randrange(len(lines)), rng.choice([",", "\t"])
            row = lines[place].split(mark)
            row[rng.randrange(len(row))] = rng.choice(CELLS)
            lines[place] = mark.join(row)
        elif kind < 0.7:
            place = rng.randrange(len(text) + 1)
            lines = [text[:place] + rng.choice(list('\n,\t"#()*-0.|[]\r e')) + text[place:]]
        elif kind < 0.85:
            rng.shuffle(lines)
        else:
            lines.insert(0, f"# {rng.choice(HEADERS)}")
        text = "\n".join(lines)
    return text + "\n"


TEXTS = [text for name, text in TYPED.items() if not name.startswith("files/")]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_but_a_data_error_comes_out(seed):
    rng, read_at_all = random.Random(seed), 0
    for _ in range(250):
        text = a_table(rng)
        options = {
            name: rng.choice(OPTIONS[name])
            for name in rng.sample(sorted(OPTIONS), rng.choice([0, 0, 1, 2, 3]))
        }
        read = bt.read_estimates
        if rng.random() < 0.3:
            read = bt.read_evaluations
            options = {
                k: v for k, v in options.items() if k not in ("focus", "n", "clusters", "model", "brackets")
            }
        try:
            found = read(text, **options)
        except bt.DataError as error:
            assert str(error).strip(), (text, options)
            continue
        read_at_all += 1
        for evaluation in found.values() if isinstance(found, dict) else [found]:
            bt.audit(evaluation)
            again = read(evaluation.to_csv())
            pd.testing.assert_frame_equal(again.estimates, evaluation.estimates)
    assert read_at_all > 25


MALFORMED = {
    "no uncertainty": ("term,estimate\nA,1\n", "wanted one of se, variance, t, p, or low and high"),
    "only text": (
        "place,kind\nx,y\n",
        "no column of estimates: found the columns 'place', 'kind'; wanted estimate",
    ),
    "text for a number": ("term,estimate,se\nA,1,x\n", "row 1, column 'se': found 'x', expected a number"),
    "a repeated term": (
        "term,estimate,se\nA,1,1\nA,2,1\n",
        "row 2, column 'term': found 'A', expected each term once",
    ),
    "a term without a name": ("term,estimate,se\n,1,1\nB,1,1\n", "row 1, column 'term'"),
    "a negative standard error": ("term,estimate,se\nA,1,-2\n", "may be a t value"),
    "an interval upside down": (
        "term,estimate,low,high\nA,1,2,0\n",
        "column 'low': found '2', expected at most high",
    ),
    "an estimate outside its interval": ("term,estimate,low,high\nA,5,0,2\n", "outside its own interval"),
    "a p above 1": ("term,estimate,p\nA,1,1.2\n", "expected a p-value"),
    "intervals of two levels": (
        "term,estimate,95% CI low,90% CI high\nA,1,0,2\n",
        "intervals of several levels",
    ),
    "two columns of one meaning": ("term,b,coef,se\nA,1,2,1\n", "may both be 'estimate'"),
    "two decimal marks": ("term;estimate;se\nA;0,5;0.2\n", "one decimal mark"),
    "an unknown star": ("term,estimate\nA,1***\n", "stars are the only sign"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_table_gives_one_message_to_act_on(name):
    text, expected = MALFORMED[name]
    with pytest.raises(bt.DataError) as caught:
        bt.read_estimates(text)
    message = str(caught.value)
    assert expected in message
    assert message.startswith("text")
    assert "\n" not in message


def test_a_file_that_was_cut_off_is_refused(tmp_path):
    (tmp_path / "cut.csv").write_text("term,estimate,se\nA,1,1\nB,2\n", encoding="utf-8")
    with pytest.raises(bt.DataError, match="row 2: found '2 cells', expected 3"):
        bt.read_estimates(tmp_path / "cut.csv")


# One effect, printed in every form: b = log(1.5), s.e. 0.2.
EFFECT, SE = np.log(1.5), 0.2
LOW, HIGH = EFFECT - 1.959964 * SE, EFFECT + 1.959964 * SE
P = 2 * stats.norm.sf(EFFECT / SE)
FORMS = {
    "s.e.": ("estimate,se", f"{EFFECT:.6f},{SE}", {}),
    "variance": ("estimate,variance", f"{EFFECT:.6f},{SE**2:.6f}", {}),
    "t": ("estimate,t", f"{EFFECT:.6f},{EFFECT / SE:.6f}", {}),
    "z in brackets": ("coef (z)", f"{EFFECT:.6f} ({EFFECT / SE:.6f})", {}),
    "p": ("estimate,p", f"{EFFECT:.6f},{P:.8f}", {}),
    "one-tailed p": ("estimate,p", f"{EFFECT:.6f},{P / 2:.8f}", {"tails": 1}),
    "interval": ("estimate,low,high", f"{EFFECT:.6f},{LOW:.6f},{HIGH:.6f}", {}),
    "90% interval": (
        "b,90% CI",
        f"{EFFECT:.6f},{EFFECT - 1.644854 * SE:.6f} to {EFFECT + 1.644854 * SE:.6f}",
        {},
    ),
    "odds ratio": (
        "OR,2.5 %,97.5 %",
        f"1.500000,{np.exp(LOW):.6f},{np.exp(HIGH):.6f}",
        {"ratio": "odds ratio"},
    ),
    "odds ratio and p": ("OR,p", f"1.500000,{P:.8f}", {"ratio": "odds ratio"}),
    "odds ratio, s.e. of log": ("OR,se", "1.500000,.200000", {"ratio": "odds ratio", "logs": "se"}),
    "odds ratio, own s.e.": ("OR,se", "1.500000,.300000", {"ratio": "odds ratio", "logs": "none"}),
    "odds ratio, s.e. told by z": ("OR,se,z", f"1.500000,.300000,{EFFECT / SE:.6f}", {"ratio": "odds ratio"}),
    "log odds ratio": ("log OR,se", f"{EFFECT:.6f},.200000", {"ratio": "odds ratio"}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_one_effect_gives_the_same_estimate(form):
    header, cells, options = FORMS[form]
    estimates = bt.read_estimates(f"term,{header}\nTarget,{cells}\n", **options).estimates
    assert estimates.loc["Target", ["estimate", "se"]].astype(float).tolist() == pytest.approx(
        [EFFECT, SE], abs=2e-5
    )
    low, high = estimates.loc["Target", ["se_low", "se_high"]].astype(float)
    assert low - 1e-9 <= estimates.loc["Target", "se"] <= high + 1e-9


AMBIGUOUS = {
    "a ratio by its heading": "term,Odds ratio,low,high\nA,1.5,1.01,2.22\n",
    "a ratio by its interval": "term,estimate,low,high\nA,1.50,1.01,2.22\nB,.62,.40,.96\n",
    "exp of a coefficient": "term,exp(coef),se\nA,1.5,.3\n",
    "a bracket without a word": "term\tModel 1\nA\t1.5\n\t(0.3)\n",
    "an inline bracket": "term,estimate\nA,1.5 (0.3)\n",
    "a thousand or a thousandth": 'term,estimate,se\nA,"1,500","1,000"\n',
    "counts by arm": "term,events_treated,n_treated,events_control,n_control\nA,4,123,11,139\n",
    "stars": "term,estimate\nA,1.5*\n",
    "a bracket for an estimate": "term,estimate,se\nA,(1.5),.3\n",
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_no_number_is_taken_silently_in_one_of_two_meanings(case):
    with pytest.raises(bt.DataError, match=r"ratio=|brackets=|decimal=|stars=|is this a negative number"):
        bt.read_estimates(AMBIGUOUS[case])


def test_an_odds_ratio_that_is_renamed_is_still_asked_about():
    with pytest.raises(bt.DataError, match="ratio="):
        bt.read_estimates("term,OR,se\nA,1.5,.3\n", columns={"OR": "estimate"})


def test_numbers_of_numpy_are_numbers():
    text = "term,estimate,se\nTarget,1,2\n"
    table = bt.read_estimates(
        text,
        n=np.int64(40),
        smallest=np.float32(0.5),
        hoped=np.int8(1),
        level=np.float64(0.9),
        tails=np.int64(2),
    )
    assert (table.n, table.smallest, table.hoped, table.level) == (40, 0.5, 1.0, 0.9)
    assert all(
        type(x) in (int, float) for x in (table.n, table.smallest, table.hoped, table.level, table.tails)
    )


def test_names_that_elsewhere_mean_nothing_are_names_of_terms():
    table = bt.read_estimates("term,estimate,se\nNone,1,2\nUnknown,2,3\n2011\u201312,1,1\n=2+3,1,1\n")
    assert list(table.estimates.index) == ["None", "Unknown", "2011\u201312", "=2+3"]
    assert "\n'=2+3,1,1\n" in table.to_csv()
    assert list(bt.read_estimates(table.to_csv()).estimates.index) == list(table.estimates.index)
