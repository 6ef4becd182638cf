"""What several test files share."""

import os
import subprocess
import sys
from collections.abc import Callable

# Tests start many processes: without kept bytecode each would compile all that it imports anew, for seconds.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Two workers share the cores: threads of BLAS beside them would wait for one another.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import pandas as pd  # noqa: E402
import pytest  # noqa: E402

import bayes_targets as bt  # noqa: E402


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """Run code in a fresh interpreter and give back what it printed."""

    def run(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return run


@pytest.fixture(scope="session")
def eight_schools() -> pd.DataFrame:
    """Rubin (1981), as in Gelman et al., Bayesian Data Analysis, Table 5.2."""
    return pd.DataFrame(
        {
            "term": list("ABCDEFGH"),
            "estimate": [28.0, 8, -3, 7, -1, 1, 18, 12],
            "se": [15.0, 10, 16, 11, 9, 11, 10, 18],
        }
    )


@pytest.fixture(scope="session")
def eight_schools_posterior(eight_schools):
    priors = bt.PublishedPriors(mu=bt.Normal(0, 5), tau=bt.HalfCauchy(5))
    model = bt.published_model(eight_schools, pooling="partial", priors=priors)
    return bt.fit(model, draws=4000, seed=1, progress=False)


def drawn(kind: str) -> bytes:
    """The file of an empty figure."""
    import io

    from matplotlib.figure import Figure

    Figure(figsize=(1, 1)).savefig(content := io.BytesIO(), format=kind)
    return content.getvalue()


@pytest.fixture(scope="module")
def undrawn():
    """Figures are made and laid out, and not drawn, in a file whose tests read words and numbers only."""
    files = {kind: drawn(kind) for kind in ("png", "svg")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bayes_targets.plots.save_bytes", lambda figure, kind: files[kind])
        yield


@pytest.fixture(scope="module")
def unpasted():
    """Figures are drawn as SVG only, in a file whose tests do not look at the PNG."""
    png = drawn("png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bayes_targets.plots._sheet._save_png", lambda figure, stream: stream.write(png))
        yield
