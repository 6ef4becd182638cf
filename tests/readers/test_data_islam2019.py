"""The shipped example of several evaluations: eight printed rows of one reform."""

import pandas as pd
import pytest

import bayes_targets as bt

PRINTED = {
    "Angina": (-0.012, 0.009),
    "Asthma": (-0.006, 0.005),
    "Diabetes": (-0.002, 0.003),
    "COPD": (-0.016, 0.012),
    "Heart failure": (0.009, 0.008),
    "Atrial fibrillation": (-0.004, 0.010),
    "Epilepsy": (-0.005, 0.006),
    "Ulcer": (0.003, 0.006),
}


@pytest.fixture(scope="module")
def several():
    return bt.load_study("islam2019").evaluations["diagnoses"]


def test_the_rows_are_those_of_table_7(several):
    found = several.estimates[["estimate", "se"]].apply(tuple, axis=1).to_dict()
    assert found == PRINTED
    assert several.better == "lower"


def test_its_stars_are_one_sided(several):
    z = (several.estimates["estimate"] / several.estimates["se"]).abs()
    starred = several.printed["star"].fillna("").eq("*")
    assert set(z.index[starred]) == {"Angina", "COPD"}
    assert (z[starred] > 1.2816).all()
    assert (z[starred] < 1.6449).all()


def test_it_is_pooled_as_it_is(several):
    assert several.estimates.index.name == "study"
    posterior = bt.fit(
        bt.meta_model(several, priors=bt.MetaPriors(mu=bt.Normal(0, 0.05), tau=bt.HalfNormal(0.01))), seed=1
    )
    assert float(posterior["sample_stats"]["log_evidence"]) == pytest.approx(25.3841776, abs=1e-6)
    table = bt.compare(posterior, several)
    assert isinstance(table, pd.DataFrame)
    assert table.index.name == "study"
    assert table.loc["Heart failure", "mean"] < table.loc["Heart failure", "published_estimate"]
