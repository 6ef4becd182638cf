"""What a result came from: hashes of files, of the package itself, and the commit of its checkout."""

from __future__ import annotations

import hashlib
import subprocess
from functools import cache
from pathlib import Path

REPRODUCIBILITY = (
    "The same seed, versions and machine give the same draws and byte-identical CSV files, whether a model is compiled "
    "afresh or taken from the cache of compiled models. On another kind of processor or with other versions the draws "
    "may differ in the last bits and then in full; estimates agree within Monte Carlo error."
)


def sha256(content: bytes) -> str:
    """Hash of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@cache
def package_digest() -> str:
    """Hash of the package's own code, by which results know the code that made them."""
    # Once a process: what is loaded does not change when a file does.
    package = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for file in sorted([*package.glob("**/*.py"), *package.glob("**/*.html")]):
        digest.update(str(file.relative_to(package)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def git_commit() -> str | None:
    """Commit of the checkout that holds the package, with a note where it has changes; None outside of one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        # No optional locks: a look at the state must not write into the checkout.
        call = ["git", "--no-optional-locks", "-C", str(root)]
        head = subprocess.run([*call, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
        changed = subprocess.run([*call, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.strip() + (" with uncommitted changes" if changed.stdout.strip() else "")
