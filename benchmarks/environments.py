"""Environments as users have them, made with uv in a folder and compiled to bytecode: what else is installed slows imports.

``package`` has the package alone, ``cluster`` also what the extra of that name brings, ``peers`` also Bambi, numpyro and JAX.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = {"package": [], "cluster": ["--extra", "cluster"], "peers": ["--group", "bench"]}


def variables() -> dict[str, str]:
    """Variables of processes that are timed: those of this one, but bytecode is kept and no other environment is meant."""
    left_out = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")
    return {name: value for name, value in os.environ.items() if name not in left_out}


def python_of(name: str, folder: Path) -> Path:
    """Python of an environment, which is made unless it is there."""
    place = folder.resolve() / name
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = place / "complete"
    if not done.is_file():
        print(f"== making the environment {name!r}", file=sys.stderr, flush=True)
        told = variables() | {"UV_PROJECT_ENVIRONMENT": str(place), "UV_COMPILE_BYTECODE": "1"}
        command = [os.environ.get("UV", "uv"), "sync", "--quiet", "--no-default-groups", *EXTRAS[name]]
        subprocess.run(command, cwd=ROOT, env=told, check=True)
        for part in ("src", "benchmarks"):
            subprocess.run([python, "-m", "compileall", "-q", ROOT / part], check=True)
        done.touch()
    return python
