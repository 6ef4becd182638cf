"""Reading a data package: what is right is read exactly, what is wrong is told in one line with its place."""

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayes_targets.errors import DataError
from bayes_targets.readers import package as tables


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of a study that may be broken."""
    return Path(shutil.copytree(tables.data_folder() / "andrews2014", tmp_path / "andrews2014"))


def complaint(path: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        tables.load_study(path)
    return str(caught.value)


def edit(file: Path, change: Callable[[bytes], bytes]) -> None:
    before = file.read_bytes()
    after = change(before)
    assert after != before, "the test must change the file"
    file.write_bytes(after)


def edit_descriptor(package: Path, change: Callable[[dict], object]) -> None:
    file = package / "datapackage.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    change(document)
    file.write_text(json.dumps(document), encoding="utf-8")


def resource(document: dict, name: str) -> dict:
    return next(entry for entry in document["resources"] if entry["name"] == name)


def small_package(folder: Path, csv: bytes, fields: list[dict], **schema: object) -> Path:
    """A package of the user's own: one table, no seal, no citation."""
    folder.mkdir(exist_ok=True)
    (folder / "areas.csv").write_bytes(csv)
    table = {"name": "areas", "path": "areas.csv", "schema": {"fields": fields, **schema}}
    (folder / "datapackage.json").write_text(json.dumps({"name": "mine", "resources": [table]}), "utf-8")
    return folder


# What is right


def test_a_study_is_frozen_and_its_tables_cannot_be_replaced():
    study = tables.load_study("andrews2014")
    assert isinstance(study.tables, MappingProxyType)
    with pytest.raises(dataclasses.FrozenInstanceError):
        study.name = "other"
    with pytest.raises(TypeError):
        study.tables["ols"] = pd.DataFrame()
    with pytest.raises(KeyError):
        study.tables["no such table"]


def test_a_name_a_folder_and_a_descriptor_lead_to_the_same_study(package):
    by_name = tables.load_study("andrews2014")
    for other in (str(package), package, package / "datapackage.json"):
        study = tables.load_study(other)
        assert (study.name, study.citation) == (by_name.name, by_name.citation)
        assert list(study.tables) == list(by_name.tables)
        for name, frame in study.tables.items():
            pd.testing.assert_frame_equal(frame, by_name.tables[name])


def test_types_are_kept_and_printed_text_stands_right_after_its_number(tmp_path):
    fields = [
        {"name": "area", "type": "string", "constraints": {"required": True}},
        {"name": "slope", "type": "number", "printed": True, "unit": "points"},
        {"name": "hits", "type": "integer", "constraints": {"required": True}},
        {"name": "tries", "type": "integer"},
        {"name": "local", "type": "boolean", "constraints": {"required": True}},
        {"name": "new", "type": "boolean", "trueValues": ["Yes"], "falseValues": ["No"]},
        {"name": "note", "type": "string"},
    ]
    csv = b'area,slope,hits,tries,local,new,note\n"a, ""b""",-.10,3,,true,Yes,\nCaf\xc3\xa9,,4,5,false,,x\n'
    frame = tables.read_package(small_package(tmp_path / "mine", csv, fields)).tables["areas"]
    assert list(frame.columns) == ["area", "slope", "slope_printed", "hits", "tries", "local", "new", "note"]
    assert frame.dtypes.astype(str).to_dict() == {
        "area": "str",
        "slope": "float64",
        "slope_printed": "str",
        "hits": "int64",
        "tries": "Int64",
        "local": "bool",
        "new": "boolean",
        "note": "str",
    }
    assert frame["area"].tolist() == ['a, "b"', "Café"]
    assert frame["slope_printed"].tolist() == ["-.10", ""]
    assert frame["slope"].iloc[0] == -0.1 and np.isnan(frame["slope"].iloc[1])
    assert frame["note"].tolist() == ["", "x"]
    assert frame["tries"].isna().tolist() == [True, False]
    assert frame["new"].isna().tolist() == [False, True]


def test_attrs_carry_source_locator_licence_units_and_role():
    attrs = tables.load_study("andrews2014").tables["ols"].attrs
    assert attrs["locator"] == "Table 2"
    assert "Andrews" in attrs["source"]
    assert "authors" in attrs["licence"]
    assert "change in cohesion" in attrs["units"]["estimate"]
    assert attrs["file"] == "andrews2014/ols.csv"
    assert attrs["role"] == "regression"
    assert attrs["significance"]["tails"] == 1


def test_the_sha256_of_a_table_without_a_seal_is_told_all_the_same(tmp_path):
    import hashlib

    csv = b"area\nTransport\n"
    study = tables.read_package(small_package(tmp_path / "mine", csv, [{"name": "area", "type": "string"}]))
    assert study.tables["areas"].attrs["sha256"] == hashlib.sha256(csv).hexdigest()
    assert study.citation == ""


def test_a_package_without_claims_has_an_empty_frame_of_claims(tmp_path):
    study = tables.read_package(
        small_package(tmp_path / "mine", b"area\nTransport\n", [{"name": "area", "type": "string"}])
    )
    assert len(study.claims) == 0
    assert tuple(study.claims.columns) == tables.CLAIM_COLUMNS
    shipped = tables.load_study("odpm2005").claims.dtypes
    assert study.claims.dtypes.to_dict() == shipped.to_dict()


def test_a_table_may_have_no_rows(tmp_path):
    fields = [{"name": "area", "type": "string"}, {"name": "hits", "type": "integer"}]
    frame = tables.read_package(small_package(tmp_path / "mine", b"area,hits\n", fields)).tables["areas"]
    assert frame.shape == (0, 2)


def test_importing_the_module_does_not_load_the_heavy_libraries():
    import subprocess
    import sys

    code = "import sys, bayes_targets.readers.package; print({'pandera', 'pymc', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# Names and places


def test_a_misspelt_study_gets_a_hint():
    assert complaint("andrews2041").endswith("did you mean 'andrews2014'?")
    assert "known: 'andrews2014', 'islam2019', 'odpm2005'" in complaint("zzz")


def test_a_missing_folder_and_a_missing_descriptor_are_told_apart(tmp_path):
    assert "no such folder" in complaint(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert complaint(tmp_path / "empty").startswith("empty/datapackage.json: no such file")


def test_a_missing_data_folder_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "__file__", str(tmp_path / "lib" / "bayes_targets" / "tables.py"))
    message = complaint("andrews2014")
    assert message.startswith("the data folder of bayes_targets is missing")
    assert "\n" not in message


def test_the_data_folder_is_found_in_an_installed_package_and_in_a_checkout(tmp_path, monkeypatch):
    package = tmp_path / "top" / "src" / "bayes_targets"
    monkeypatch.setattr(tables, "__file__", str(package / "readers" / "package.py"))
    (tmp_path / "top" / "data").mkdir(parents=True)
    with pytest.raises(DataError):
        tables.data_folder()  # a folder named data that belongs to no checkout is not taken
    (tmp_path / "top" / "pyproject.toml").write_text("", "utf-8")
    assert tables.data_folder() == (tmp_path / "top" / "data").resolve()
    (package / "data").mkdir(parents=True)
    assert tables.data_folder() == (package / "data").resolve()


# Broken files


def test_a_changed_digit_is_told_by_the_seal_with_both_digests_and_the_way_out(package):
    edit(package / "ols.csv", lambda content: content.replace(b".952", b".962"))
    message = complaint(package)
    sealed = tables.load_study("andrews2014").tables["ols"].attrs["sha256"]
    assert message.startswith("andrews2014/ols.csv: the file has been changed since it was sealed")
    assert sealed[:12] in message
    assert "bayes_targets.readers.package.seal(" in message
    assert "\n" not in message


def test_a_file_cut_off_at_the_end_of_a_row_is_told_by_the_seal(package):
    edit(package / "ols.csv", lambda content: b"".join(content.splitlines(True)[:-1]))
    assert complaint(package).startswith("andrews2014/ols.csv: the file has been changed since it was sealed")


def test_a_wrong_size_is_told_where_no_digest_is_given(package):
    edit_descriptor(package, lambda document: resource(document, "ols").pop("hash"))
    edit(package / "ols.csv", lambda content: content.replace(b".952", b".95"))
    size = (package / "ols.csv").stat().st_size
    assert f"expected {size + 1} bytes, found {size}" in complaint(package)


@pytest.mark.parametrize(
    ("file", "change", "expected"),
    [
        ("ols.csv", lambda c: c.replace(b",se,", b",", 1), "andrews2014/ols.csv, header: found "),
        ("ols.csv", lambda c: c.replace(b",se,", b",", 1), "(missing column 'se')"),
        (
            "ols.csv",
            lambda c: c.replace(b",se,", b",s.e.,", 1),
            "(missing column 'se'; unexpected column 's.e.')",
        ),
        ("ols.csv", lambda c: c.replace(b"estimate,se", b"se,estimate"), "(columns in another order)"),
        ("ols.csv", lambda c: c.replace(b"kind\n", b"kind,kind\n"), "(a column stands twice)"),
        (
            "ols.csv",
            lambda c: c.replace(b".659", b"high"),
            "ols.csv, row 13, column 'se': found 'high', expected a plain",
        ),
        (
            "ols.csv",
            lambda c: c.replace(b".659", b"nan"),
            "row 13, column 'se': found 'nan', expected a plain",
        ),
        (
            "ols.csv",
            lambda c: c.replace(b".659", b"1e-3"),
            "row 13, column 'se': found '1e-3', expected a plain",
        ),
        ("ols.csv", lambda c: c.replace(b".659", b"-.659"), "found '-.659', expected at least 0"),
        (
            "ols.csv",
            lambda c: c.replace(b".952,.659,+", b".952,.659,++"),
            "found '++', expected one of '+', '*', '**'",
        ),
        (
            "ols.csv",
            lambda c: c.replace(b".952,.659", b",.659"),
            "row 13, column 'estimate': found '', expected a value",
        ),
        (
            "ols.csv",
            lambda c: c[: c.index(b".952") + 2],
            "ols.csv, row 13 (line 14): found 3 cells, expected 6",
        ),
        ("ols.csv", lambda c: b"", "the file is empty"),
        ("ols.csv", lambda c: b"\xef\xbb\xbf" + c, "ols.csv: starts with a byte-order mark"),
        (
            "ols.csv",
            lambda c: c.replace(b"\n", b"\r\n"),
            "ols.csv, line 1: found a carriage return, expected LF",
        ),
        ("ols.csv", lambda c: c.replace(b"\n", b"\r"), "ols.csv, line 1: found a carriage return"),
        (
            "claims.csv",
            lambda c: c.decode().encode("latin-1"),
            "claims.csv, line 6: found byte 0xb2 at place ",
        ),
        ("ols.csv", lambda c: c + b'3,"Constant', "ols.csv, line 40: expected comma-separated cells"),
        ("ols.csv", lambda c: c + b"\n", "row 39 (line 40): found 0 cells, expected 6"),
        (
            "ols.csv",
            lambda c: c.replace(b"2,LAA (target on)", b"2,LAA (target on) "),
            "expected a text without spaces",
        ),
        (
            "descriptives.csv",
            lambda c: c + c.splitlines(True)[1],
            "row 13, column 'variable': found 'LAA (tar",
        ),
        ("descriptives.csv", lambda c: c + c.splitlines(True)[1], "expected a value that no earlier row has"),
        (
            "ols.csv",
            lambda c: c + c.splitlines(True)[1],
            "row 39, column 'model': found '1, Deprivation', expected model",
        ),
        (
            "ols_fit.csv",
            lambda c: c.replace(b"150", b"150.5", 1),
            "row 1, column 'n': found '150.5', expected a whole",
        ),
        ("ols_fit.csv", lambda c: c.replace(b".49", b"49"), "column 'r2': found '49', expected at most 1"),
        ("ols_fit.csv", lambda c: c.replace(b"1,2.34", b"4,2.34"), "found '4', expected one of 1, 2, 3"),
        ("authority_types.csv", lambda c: c.replace(b"false", b"no", 1), "column 'reference': found 'no'"),
        (
            "claims.csv",
            lambda c: c.replace(b"target-effect", b"target effect"),
            "expected a text of the form",
        ),
        ("claims.csv", lambda c: c.replace(b",0,", b",inf,", 1), "column 'threshold': found 'inf', expected"),
        ("claims.csv", lambda c: c.replace(b",0,", b",1e999,", 1), "expected a number of ordinary size"),
        ("claims.csv", lambda c: c.replace(b",above,", b",over,", 1), "column 'direction': found 'over'"),
    ],
)
def test_a_broken_file_is_told_with_its_place_before_its_seal(package, file, change, expected):
    edit(package / file, change)
    message = complaint(package)
    assert expected in message
    assert message.startswith(f"andrews2014/{file}")
    assert "sealed" not in message


def test_every_wrong_cell_is_told_grouped_by_column_and_kind(package):
    edit(package / "ols.csv", lambda c: c.replace(b",.066,", b",x,").replace(b"2,Constant", b"5,Constant"))
    number = "a plain decimal number such as -.25 or 3.10"
    assert complaint(package).splitlines() == [
        "andrews2014/ols.csv: 2 problems",
        "- andrews2014/ols.csv, row 25, column 'model': found '5', expected one of 1, 2, 3",
        f"- andrews2014/ols.csv, row 14, column 'se': found 'x', expected {number}",
    ]
    edit(package / "ols.csv", lambda c: c.replace(b",control\n", b",nuisance\n"))
    lines = complaint(package).splitlines()
    assert lines[-1] == (
        "- andrews2014/ols.csv, column 'kind': holds other values in 24 rows, first row 1: 'nuisance'; "
        "expected one of 'effect', 'control', 'authority type', 'constant'"
    )


def test_a_missing_file_is_named(package):
    (package / "ols.csv").unlink()
    assert complaint(package).startswith("andrews2014/ols.csv: no such file")


def test_a_folder_in_place_of_a_file_cannot_be_read(package):
    (package / "ols.csv").unlink()
    (package / "ols.csv").mkdir()
    assert complaint(package).startswith("andrews2014/ols.csv: the file cannot be read")


# Broken descriptors


def test_malformed_json_is_told_with_its_line(package):
    edit(
        package / "datapackage.json", lambda c: c.replace(b'"name": "andrews2014",', b'"name" "andrews2014",')
    )
    assert complaint(package).startswith("andrews2014/datapackage.json, line 3, place 10: expected JSON")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d.pop("name"), "datapackage.json, name: found nothing, expected the package's name"),
        (lambda d: d.pop("resources"), "resources: found nothing, expected a list"),
        (lambda d: d.update(resources=[]), "resources: found [], expected at least one entry"),
        (lambda d: d.update(resources=["x"]), "resources[0]: found 'x', expected an object"),
        (lambda d: d["resources"][1].pop("path"), "resources[1].path: found nothing"),
        (lambda d: d["resources"][1].pop("name"), "resources[1].name: found nothing"),
        (lambda d: d["resources"][1].pop("schema"), "resources[1].schema: found nothing, expected an object"),
        (lambda d: d["resources"][1]["schema"].pop("fields"), "resources[1].schema.fields: found nothing"),
        (
            lambda d: d["resources"][1]["schema"]["fields"][2].pop("type"),
            "schema.fields[2].type: found nothing",
        ),
        (
            lambda d: d["resources"][1]["schema"]["fields"][2].update(type="date"),
            "fields[2].type: found 'date', expected",
        ),
        (
            lambda d: d["resources"][1]["schema"]["fields"][1].update(printed=True),
            "fields[1].printed: found True",
        ),
        (
            lambda d: d["resources"][1]["schema"]["fields"][1].update(constraints={"minLength": 2}),
            "constraints.minLength",
        ),
        (
            lambda d: d["resources"][1]["schema"]["fields"][1].update(constraints={"minimum": 2}),
            "constraints.minimum",
        ),
        (lambda d: d["resources"][1]["schema"]["fields"][1].update(constraints={"pattern": "("}), "pattern"),
        (lambda d: d["resources"][1]["schema"]["fields"][0].update(constraints={"enum": ["1"]}), "enum"),
        (
            lambda d: d["resources"][1]["schema"].update(primaryKey="no"),
            "primaryKey: found 'no', expected names",
        ),
        (lambda d: d["resources"][1]["schema"].update(missingValues=["NA"]), "missingValues: found ['NA']"),
        (
            lambda d: d["resources"][1]["schema"]["fields"][5].update(name="se_printed"),
            "fields: found 'se_printed'",
        ),
        (lambda d: d["resources"][1].update(name="descriptives"), "resources[0].name: found 'descriptives'"),
        (lambda d: d["resources"][1].update(hash="md5:00"), "hash: found 'md5:00', expected 'sha256:'"),
        (lambda d: d["resources"][1].update(bytes="many"), "bytes: found 'many', expected a whole number"),
        (
            lambda d: d["resources"][1].update(encoding="latin-1"),
            "encoding: found 'latin-1', expected 'utf-8'",
        ),
        (lambda d: d["resources"][1].update(dialect={"delimiter": ";"}), "dialect: found"),
        (lambda d: d["resources"][1]["bayes_targets"].update(file="x"), "found 'file' in 'bayes_targets'"),
    ],
)
def test_a_descriptor_that_lacks_or_misstates_something_is_told_with_its_key(package, change, expected):
    edit_descriptor(package, change)
    message = complaint(package)
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "path",
    ["../secret.csv", "a/../../secret.csv", "/etc/hostname", "C:\\secret.csv", "..\\secret.csv", "a\0b", ""],
)
def test_a_path_out_of_the_package_is_refused(package, path):
    (package.parent / "secret.csv").write_text("model,term,estimate,se,star,kind\n", "utf-8")
    edit_descriptor(package, lambda document: resource(document, "ols").update(path=path))
    assert "path: found" in complaint(package)


def test_a_link_out_of_the_package_is_refused(package):
    shutil.move(package / "ols.csv", package.parent / "elsewhere.csv")
    (package / "ols.csv").symlink_to(package.parent / "elsewhere.csv")
    assert "expected a path inside the package's folder" in complaint(package)


def test_claims_must_have_the_columns_that_judge_them(tmp_path):
    folder = small_package(tmp_path / "mine", b"id\na\n", [{"name": "id", "type": "string"}])
    edit_descriptor(folder, lambda document: document["resources"][0].update(name="claims"))
    assert complaint(folder).startswith("mine/areas.csv: found no column 'claim', expected id, claim, ")


# Sealing


def test_sealing_accepts_a_change_that_was_meant_and_leaves_the_rest_of_the_descriptor(package):
    before = json.loads((package / "datapackage.json").read_text(encoding="utf-8"))
    edit(package / "ols.csv", lambda content: content.replace(b".952", b".9521"))
    assert tables.seal(package) == ["ols"]
    after = json.loads((package / "datapackage.json").read_text(encoding="utf-8"))
    entry = resource(after, "ols")
    assert entry["bytes"] == (package / "ols.csv").stat().st_size
    assert entry["hash"] != resource(before, "ols")["hash"]
    for document in (before, after):
        for key in ("hash", "bytes"):
            resource(document, "ols").pop(key)
    assert before == after
    ols = tables.load_study(package).tables["ols"]
    assert ols.loc[ols["term"] == "LAA (target on)", "estimate_printed"].tolist() == [".9521"]


def test_sealing_what_is_sealed_changes_no_byte(package):
    before = (package / "datapackage.json").read_bytes()
    assert tables.seal(package) == []
    assert (package / "datapackage.json").read_bytes() == before


def test_a_broken_table_cannot_be_sealed(package):
    edit(package / "ols.csv", lambda content: content.replace(b".952", b"big"))
    before = (package / "datapackage.json").read_bytes()
    with pytest.raises(DataError, match="found 'big'"):
        tables.seal(package)
    assert (package / "datapackage.json").read_bytes() == before


def test_a_descriptor_that_cannot_be_written_is_told_and_nothing_is_left_behind(package, monkeypatch):
    edit(package / "ols.csv", lambda content: content.replace(b".952", b".9521"))
    before = sorted(package.iterdir())

    def full_disk(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\)"):
        tables.seal(package)
    assert sorted(package.iterdir()) == before


# Evaluations that a package describes


def test_the_evaluations_of_a_package_are_its_printed_models():
    evaluations = tables.load_study("andrews2014").evaluations
    assert list(evaluations) == ["target", "stretch", "controls"]
    target, stretch, controls = evaluations.values()
    assert (target.focus, stretch.focus, controls.focus) == ("LAA (target on)", "LAA (target stretch)", None)
    assert target.estimates.loc["LAA (target on)", ["estimate", "se", "df"]].tolist() == [0.952, 0.659, 137]
    assert stretch.estimates.loc["LAA (target stretch)", ["estimate", "se", "df", "scale"]].tolist() == [
        0.651,
        0.090,
        118,
        3.93,
    ]
    assert (target.n, stretch.n, controls.n) == (150, 131, 150)
    assert (target.reference, target.hoped, target.better, target.tails) == (
        ("Unitary authority",),
        1.0,
        "higher",
        1,
    )
    assert controls.estimates.loc["Metropolitan borough", "group"] == "authority type"
    assert np.isnan(controls.estimates.loc["Constant", "scale"])


def test_the_evaluations_hold_the_printed_slopes_and_one_scale_of_each_predictor():
    study = tables.load_study("andrews2014")
    ols = study.tables["ols"]
    for model, evaluation in zip((2, 3, 1), study.evaluations.values(), strict=True):
        printed = ols[ols["model"] == model].set_index("term")
        for column in ("estimate", "se"):
            np.testing.assert_array_equal(evaluation.estimates[column], printed[column])
    scale = study.evaluations["stretch"].estimates["scale"]
    assert scale["LAA (target stretch)"] == 3.93 and scale["Deprivation"] == 9.29
    assert scale["NRF area"] == scale["London borough"] == 1
    # Table 1 prints population and density unlogged: that of the logarithm of a lognormal variable.
    for term, mean, sd in (
        ("Population (log)", 327544, 247194),
        ("Population density (log)", 2421.22, 2720.77),
    ):
        assert scale[term] == pytest.approx(np.sqrt(np.log1p((sd / mean) ** 2)))


REGRESSION = [
    {"name": "term", "type": "string"},
    {"name": "estimate", "type": "number", "printed": True},
    {"name": "se", "type": "number", "printed": True},
]


def regression_package(folder: Path, evaluations: object = None) -> Path:
    folder = small_package(folder, b"term,estimate,se\nTarget,1.0,.40\n", REGRESSION)
    edit_descriptor(folder, lambda d: d["resources"][0].update(bayes_targets={"role": "regression"}))
    if evaluations is not None:
        edit_descriptor(folder, lambda d: d.update(evaluations=evaluations))
    return folder


def test_a_printed_regression_is_an_evaluation_without_being_described(tmp_path: Path):
    evaluation = tables.load_study(regression_package(tmp_path / "mine")).evaluations["estimates"]
    assert evaluation.printed.loc["Target"].tolist() == ["1.0", ".40"]
    assert (evaluation.focus, evaluation.better) == (None, None)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"table": "areas"}, "name: found None"),
        ({"name": "a", "table": "araes"}, "did you mean 'areas'"),
        ({"name": "a", "table": "areas", "rows": {"model": 2}}, "no column 'model'"),
        ({"name": "a", "table": "areas", "rows": {"term": "x"}}, "no row has"),
        ({"name": "a", "table": "areas", "bettr": "higher"}, "did you mean 'better'"),
        ({"name": "a", "table": "areas", "better": "up"}, "'up'"),
        ({"name": "a", "table": "areas", "focus": "x"}, "no term"),
        ({"name": "a", "table": "areas", "scale": "areas"}, "variable, mean and sd"),
        ("a", "expected an object"),
    ],
)
def test_an_evaluation_that_cannot_be_is_refused_with_its_place(tmp_path: Path, entry: object, expected: str):
    message = complaint(regression_package(tmp_path / "mine", [entry]))
    assert "mine/datapackage.json, evaluations[0]" in message
    assert expected in message


# Hostile packages


def hostile(folder: Path, text: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "datapackage.json").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return folder


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"name": ' + "[" * 100_000 + "]" * 100_000 + "}", "objects within objects without end"),
        ('{"name": "a", "bytes": ' + "9" * 5000 + "}", "expected JSON with numbers of ordinary size"),
        ('{"name": "a\\ud800"}', "half a surrogate pair"),
        ('{"name": "a", "name": "b"}', "found the key 'name' twice in one object"),
        ('{"name": NaN}', "found NaN, expected JSON (a finite number)"),
        (b'\xff\xfe{"name": 1}', "byte 0 that is not UTF-8"),
        ("[]", "the whole file: found [], expected an object"),
    ],
)
def test_a_hostile_descriptor_is_told(tmp_path, text, expected):
    assert expected in complaint(hostile(tmp_path / "mine", text))


def test_a_descriptor_or_a_table_that_is_a_pipe_is_refused_at_once(tmp_path):
    (tmp_path / "mine").mkdir()
    os.mkfifo(tmp_path / "mine" / "datapackage.json")
    assert "found a pipe or a device" in complaint(tmp_path / "mine")
    folder = small_package(tmp_path / "other", b"a\n", [{"name": "a", "type": "string"}])
    (folder / "areas.csv").unlink()
    os.mkfifo(folder / "areas.csv")
    assert "the file cannot be read" in complaint(folder)


@pytest.mark.parametrize("limit", [10**400, -(10**400), "1e999", True, [1]])
def test_a_limit_is_a_number_of_ordinary_size(tmp_path, limit):
    text = json.dumps({"minimum": limit}).replace('"1e999"', "1e999")
    folder = small_package(
        tmp_path / "mine", b"a\n1\n", [{"name": "a", "type": "number", "constraints": "HERE"}]
    )
    file = folder / "datapackage.json"
    file.write_text(file.read_text("utf-8").replace('"HERE"', text), "utf-8")
    assert "constraints.minimum: found" in complaint(folder)


def test_a_pattern_may_ignore_capitals(tmp_path):
    field = {"name": "a", "type": "string", "constraints": {"pattern": "(?i)county|unitary"}}
    folder = small_package(tmp_path / "mine", b"a\nCounty\nUNITARY\n", [field])
    assert tables.load_study(folder).tables["areas"]["a"].tolist() == ["County", "UNITARY"]
    (folder / "areas.csv").write_bytes(b"a\nCounty\ndistrict\ncountyx\n")
    assert "column 'a': holds texts of another form in 2 rows, first row 2: 'district'" in complaint(folder)


@pytest.mark.parametrize("path", [3, None, "", "a\0b", b"x", ["x"]])
def test_what_is_no_path_is_refused(path):
    assert complaint(path)


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(10**400), st.floats(), st.text(max_size=6), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), st.sampled_from(["number", "areas.csv", "..", "(", "sha256:00"]),
)  # fmt: skip


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data(), st.binary(max_size=30), st.integers(0, 40))
def test_whatever_package_comes_is_read_or_gives_a_data_error(tmp_path, data, junk, place):
    """A small package with values replaced at random, keys dropped, and bytes put into its table."""
    fields = [
        {"name": "a", "type": "string", "constraints": {"unique": True, "pattern": "[a-z]+"}},
        {"name": "x", "type": "number", "printed": True, "unit": "points", "constraints": {"minimum": 0}},
    ]
    csv = b"a,x\nab,1.5\ncd,2.25\n"
    folder = small_package(tmp_path / "mine", csv[:place] + junk + csv[place:], fields, primaryKey="a")
    document = json.loads((folder / "datapackage.json").read_text("utf-8"))
    for _ in range(data.draw(st.integers(0, 3))):
        node = document
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            if isinstance(node[key], dict | list) and data.draw(st.booleans()):
                node = node[key]
                continue
            node[key] = data.draw(ODD)
            break
    (folder / "datapackage.json").write_text(json.dumps(document), "utf-8")
    try:
        study = tables.load_study(folder)
    except DataError as error:
        assert str(error).encode("utf-8")
    else:
        assert study.tables


def test_a_table_that_its_role_cannot_use_is_not_sealed(tmp_path: Path) -> None:
    fields = [{"name": name, "type": "string"} for name in ("model", "term")]
    fields += [
        {"name": name, "type": "number", "printed": True, "unit": "points"} for name in ("estimate", "se")
    ]
    role = {"role": "regression", "significance": {"tails": 2, "levels": {"*": 0.05}}}
    resource = {"name": "ols", "path": "ols.csv", "schema": {"fields": fields}, "bayes_targets": role}
    (tmp_path / "ols.csv").write_text("model,term,estimate,se\n1,x,1.5,0.7\n")
    (tmp_path / "datapackage.json").write_text(json.dumps({"name": "mine", "resources": [resource]}))
    with pytest.raises(
        DataError, match=r"ols\.csv, column 'star': expected this column, which the role 'regression' needs"
    ):
        tables.seal(tmp_path)
    del role["significance"]
    (tmp_path / "datapackage.json").write_text(json.dumps({"name": "mine", "resources": [resource]}))
    assert tables.seal(tmp_path) == ["ols"]


def test_three_studies_come_with_the_library():
    assert tables.study_names() == ["andrews2014", "islam2019", "odpm2005"]
