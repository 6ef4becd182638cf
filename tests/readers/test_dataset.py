"""The Dataset of authorities, and the right-hand side of its regression."""

import pandas as pd

from bayes_targets.readers.dataset import authority_dataset, choose_reference, dependent_columns, type_dummies


def test_columns_become_a_labelled_dataset_with_units():
    ds = authority_dataset(
        ["A", "B"], ["x", "y"], {"change": [1.0, -2.0]}, controls={"age": [3.0, 4.0]}, types=["x", "y"], origin="simulated",
        source="example",
    )  # fmt: skip
    assert dict(ds.sizes) == {"authority": 2, "control": 1}
    assert ds["change"].attrs["units"] == "% of the baseline score" and ds.attrs["n_missing_stretch"] == 0


def test_the_commonest_type_is_the_reference_and_the_others_have_a_column_each():
    assert choose_reference(["county", "county", "district"]) == "county"
    dummies = type_dummies(["county", "unitary", "county"], ["county", "unitary"], "unitary")
    assert dummies.to_dict("list") == {"county": [1.0, 0.0, 1.0]}


def test_columns_that_are_made_up_of_others_are_found():
    matrix = pd.DataFrame({"a": [1.0, 2, 3, 5], "b": [0.0, 1, 0, 1]})
    matrix = matrix.assign(c=matrix["a"] - 2 * matrix["b"] + 7, d=4.0)
    assert dependent_columns(matrix) == {"c": ["a", "b"], "d": []}
