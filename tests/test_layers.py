"""The house: packages in the order of their imports, which go one way."""

import ast
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import bayes_targets as bt

PACKAGE = Path(__file__).parents[1] / "src" / "bayes_targets"
# A room imports from those before it; `__main__` and `run` are the door.
ORDER = (
    "errors",
    "files",
    "provenance",
    "model",
    "priors",
    "evaluation",
    "readers",
    "inference",
    "printed",
    "models",
    "comparison",
    "sensitivity",
    "plots",
    "report",
    "studies",
    "workflow",
    "run",
    "__main__",
)
MODULES_AT_ROOT = 9


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports_of(path: Path) -> set[str]:
    """Modules of this package that a file imports, anywhere in it, as dotted names below the package."""
    inside = list(path.relative_to(PACKAGE).parent.parts)
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.level == 0:
            continue
        base = inside[: len(inside) - node.level + 1] + (node.module.split(".") if node.module else [])
        for alias in node.names:
            whole = [*base, alias.name]
            is_module = (PACKAGE.joinpath(*whole).with_suffix(".py")).exists() or PACKAGE.joinpath(
                *whole
            ).is_dir()
            found.add(".".join(whole if is_module else base))
    return found - {""}


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py")) if module_name(path)}


def test_every_module_has_a_room():
    units = {name.split(".")[0] for name in FILES}
    assert units <= set(ORDER), f"not in the house: {units - set(ORDER)}"


def test_few_modules_lie_at_the_root():
    assert len(list(PACKAGE.glob("*.py"))) <= MODULES_AT_ROOT


def test_imports_go_one_way():
    wrong = []
    for name, path in FILES.items():
        room = name.split(".")[0]
        for imported in imports_of(path):
            other = imported.split(".")[0]
            if other != room and ORDER.index(other) > ORDER.index(room):
                wrong.append(f"{name} imports {imported}")
    assert not wrong, "\n".join(wrong)


def test_no_import_cycle_inside_a_package():
    graph = {name: imports_of(path) - {name} for name, path in FILES.items()}
    in_order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert set(in_order) >= set(FILES)


def test_no_public_name_is_hidden_by_a_module():
    """Importing a submodule binds its name in the package, which would shadow a function of that name."""
    assert not set(bt.__all__) & {name.split(".")[0] for name in FILES}


def test_every_public_name_is_there():
    assert [name for name in bt.__all__ if getattr(bt, name, None) is None] == []


def test_import_costs_nothing_heavy(run_python):
    code = "import bayes_targets, sys; print(sorted({'pymc', 'matplotlib', 'numpy', 'pandas'} & set(sys.modules)))"
    assert run_python(code) == "[]"


def test_reading_and_auditing_need_no_sampler(run_python):
    code = (
        "import bayes_targets as bt, sys; bt.audit(bt.load_study('andrews2014'));"
        "print(sorted({'pymc', 'nutpie', 'numba', 'matplotlib'} & set(sys.modules)))"
    )
    assert run_python(code) == "[]"


def test_regressions_and_comparisons_need_no_scipy(run_python):
    code = (
        "import sys; sys.modules['dask'] = None\n"  # which xarray loads where it is, and SciPy with it
        "import numpy as np; import pandas as pd; import bayes_targets as bt; import xarray as xr\n"
        "estimates = pd.DataFrame({'term': ['a'], 'estimate': [1.0], 'se': [0.5]})\n"
        "draws = xr.Dataset({'a': (('chain', 'draw'), np.random.default_rng(1).normal(size=(4, 500)))})\n"
        "tree = xr.DataTree.from_dict({'posterior': draws})\n"
        "bt.compare(tree, bt.ols_from_estimates(estimates, df=9), prob=0.9)\n"
        "print(sorted({'scipy.special', 'scipy.stats', 'scipy.linalg', 'statsmodels'} & set(sys.modules)))"
    )
    assert run_python(code) == "[]"


def test_python_is_new_enough():
    assert sys.version_info >= (3, 12)
