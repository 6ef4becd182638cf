"""Claims as they are read: what cannot be judged as it was meant is refused, with the claim's name."""

import re
import time

import numpy as np
import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.readers.claims import Reference, parse_estimand, read_claims

ROW = {
    "id": "x", "claim": "It works.", "locator": "Table 1", "estimand": "one:mu", "direction": "above", "threshold": 0.0,
    "threshold_high": np.nan, "published": ".5", "true_if": "mu is above 0",
}  # fmt: skip


def claims(*changes):
    return pd.DataFrame([ROW | change for change in changes])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": np.nan}, "claim 'x': threshold is blank, expected a number for the direction 'above'"),
        ({"threshold": None, "direction": "below"}, "claim 'x': threshold is blank"),
        ({"threshold": "nought"}, "claim 'x': threshold is 'nought', expected a finite number"),
        ({"threshold": np.inf}, "claim 'x': threshold is inf"),
        (
            {"threshold": 2.0, "threshold_high": -2.0, "direction": "within"},
            "claim 'x': within 2 to -2 holds no number",
        ),
        ({"threshold": 2.0, "direction": "within"}, "claim 'x': threshold_high is blank"),
        (
            {"threshold_high": 3.0},
            "claim 'x': threshold_high is 3.0, expected a blank for the direction 'above'",
        ),
        ({"direction": "abvoe"}, "claim 'x': direction is 'abvoe', did you mean 'above'?"),
        ({"direction": ""}, "claim 'x': direction is ''"),
        ({"estimand": ""}, "claim 'x': the estimand is blank"),
        ({"estimand": "one:mu +"}, "claim 'x': estimand 'one:mu .' cannot be read"),
        ({"id": " "}, "row 1: the id is blank"),
    ],
)
def test_a_claim_that_would_be_misjudged_is_refused_by_name(change, message):
    with pytest.raises(bt.DataError, match=message):
        read_claims(claims(change))


def test_an_id_that_stands_twice_would_lose_a_claim():
    with pytest.raises(bt.DataError, match="row 2: the claim 'x' stands twice"):
        read_claims(claims({}, {}))
    with pytest.raises(bt.DataError, match="found no column 'true_if'"):
        read_claims(claims({}).drop(columns="true_if"))


def test_a_package_with_such_a_claim_is_refused_when_it_is_loaded(tmp_path):
    (tmp_path / "claims.csv").write_text(
        "id,claim,locator,estimand,direction,threshold,threshold_high,published,true_if\n"
        "up,It rose.,Table 1,m:effect[a],within,2,-2,.5,The effect is between.\n"
    )
    fields = [{"name": name, "type": "number" if "threshold" in name else "string"} for name in ROW]
    resource = {"name": "claims", "path": "claims.csv", "schema": {"fields": fields}}
    import json

    (tmp_path / "datapackage.json").write_text(json.dumps({"name": "mine", "resources": [resource]}))
    with pytest.raises(bt.DataError, match="claim 'up': within 2 to -2 holds no number"):
        bt.load_study(tmp_path)


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("m:mu", Reference("m", "mu"), None),
        ("m.1:effect[a - b]", Reference("m.1", "effect", ("a - b",)), None),
        ("m:effect[c (d)] - n:mu", Reference("m", "effect", ("c (d)",)), Reference("n", "mu")),
        (
            'm:effect["a; b"; "c [d]"; "say ""e"""]',
            Reference("m", "effect", ("a; b", "c [d]", 'say "e"')),
            None,
        ),
        (" max( m:effect[a;b] ) ", Reference("m", "effect", ("a", "b"), "max"), None),
        ("max:mu", Reference("max", "mu"), None),
    ],
)
def test_an_estimand_names_any_label(text, first, second):
    found = parse_estimand(text)
    assert (found.first, found.second) == (first, second)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "m",
        "m:",
        ":mu",
        "m:mu[",
        'm:mu["a]',
        "m:mu[a]]",
        "m:mu - ",
        "m:mu - n:mu - k:mu",
        "max(m:mu",
        "m:a.b",
    ],
)
def test_what_is_no_estimand_is_refused(text):
    with pytest.raises(bt.DataError, match="cannot be read"):
        parse_estimand(text)


def test_a_long_expression_does_not_hang():
    begun = time.process_time()
    for text in (
        "m:mu" + " " * 2_000_000,
        "m:effect[" + "a;" * 1_000_000,
        "max_abs(" * 250_000,
        "a." * 4_999 + "(",
    ):
        with pytest.raises(bt.DataError, match=r"characters long|cannot be read"):
            parse_estimand(text)
    assert time.process_time() - begun < 1.0


def test_no_table_of_claims_raises_anything_but_our_error():
    """400 random tables of claims, cells of every kind; each is read, or refused with one message."""
    rng = np.random.default_rng(1)
    cells = [
        "", " ", None, np.nan, np.inf, 0, -1.5, 10**400, True, "x", "m:mu", "above", "within", "none", "ABOVE", "m:effect[a]",
        'm:effect["]', "max(m:mu", b"m:mu", [1], {}, pd.NaT, pd.NA, 1j, "\x00", "\ud800", "m:mu - m:mu", "a" * 20_000,
    ]  # fmt: skip
    refused = 0
    for _ in range(400):
        rows = [dict(ROW, id=f"c{i}") for i in range(rng.integers(1, 4))]
        for row in rows:
            for column in rng.choice(list(ROW), rng.integers(0, 3)):
                row[column] = cells[rng.integers(len(cells))]
        try:
            found = read_claims(pd.DataFrame(rows, dtype=object))
        except bt.DataError as error:
            refused += 1
            assert 0 < len(str(error)) < 500 and not re.search("Traceback", str(error))
        else:
            assert len({claim.id for claim in found}) == len(rows)
    assert 100 < refused < 400
