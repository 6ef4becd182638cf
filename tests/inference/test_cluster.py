"""A Dask cluster as users have it: a scheduler and two workers, each a process of its own, of which one is killed.

Dask comes with the extra ``cluster``, which the other tests do without: it makes every process start later.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.inference.ensemble import draw_normal, run_ensemble
from bayes_targets.run import main

pytestmark = pytest.mark.slow

TASKS = {f"task {i}": float(i) for i in range(40)}
ESTIMATES = pd.DataFrame({"term": ["a", "b", "c"], "estimate": [1.0, -0.5, 0.3], "se": [0.5, 0.8, 0.4]})


def refit(shift: float, seed: np.random.SeedSequence) -> bytes:
    """Draws of the effects, as bytes, after all estimates have moved."""
    model = bt.published_model(ESTIMATES.assign(estimate=ESTIMATES["estimate"] + shift), hoped=1.0)
    number = int(seed.generate_state(1)[0])
    posterior = bt.fit(model, draws=250, seed=number, progress=False, pointwise=False)
    return posterior["posterior"]["effect"].to_numpy().tobytes()


@pytest.fixture
def cluster(tmp_path):
    """Address of a scheduler, and its two workers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    # Workers find the function by its module's name.
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--no-dashboard",
        "--host",
        f"tcp://{address}",
    ]
    worker = [
        sys.executable,
        "-m",
        "distributed.cli.dask_worker",
        f"tcp://{address}",
        "--no-nanny",
        "--no-dashboard",
    ]
    worker += ["--nthreads", "1", "--death-timeout", "60", "--local-directory", str(tmp_path)]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": own}
    processes = [subprocess.Popen(command, **silent)]
    processes += [subprocess.Popen(worker, **silent) for _ in range(2)]
    yield f"tcp://{address}", processes[1:]
    for process in processes:
        process.kill()
        process.wait()


def wait_for_workers(address: str, number: int) -> None:
    from distributed import Client

    with Client(address, timeout=60) as client:
        client.wait_for_workers(number, timeout=60)


def test_two_hundred_refits_on_a_cluster_that_loses_a_worker_are_those_of_one_process(cluster, tmp_path):
    address, (first, second) = cluster
    wait_for_workers(address, 2)
    tasks = {f"moved by {i}": i / 100 for i in range(200)}
    kept, seen = tmp_path / "kept", []

    def kill_one_in_the_middle():
        while not seen or seen[-1] < 20:
            time.sleep(0.02)
            seen.append(len(list(kept.glob("*"))))
        first.kill()

    killer = threading.Thread(target=kill_one_in_the_middle, daemon=True)
    killer.start()
    there = run_ensemble(refit, tasks, seed=1, scheduler=address, keep=kept, progress=False)
    killer.join(timeout=60)
    assert seen[-1] < 200 and first.wait(timeout=60) != 0 and second.poll() is None
    here = run_ensemble(refit, tasks, seed=1, progress=False)
    assert not there.failures and there.results == here.results
    assert len(set(here.results.values())) == len(tasks)


@pytest.fixture
def impatient(monkeypatch):
    """Do not wait long for a scheduler."""
    monkeypatch.setattr("bayes_targets.inference.ensemble.pool._PATIENCE", 0.2)


@pytest.mark.parametrize("address", ["carrier-pigeon", "pigeon://a:1"])
@pytest.mark.usefixtures("impatient")
def test_an_address_that_is_none_is_told(address):
    with pytest.raises(bt.DataError, match=f"scheduler '{address}': no Dask scheduler answers"):
        run_ensemble(draw_normal, TASKS, seed=1, progress=False, scheduler=address)


@pytest.mark.usefixtures("impatient")
def test_the_command_line_says_in_one_line_that_no_scheduler_answers(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["audit", "--scheduler", "pigeon://a", "--quiet"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith(
        "bayes_targets: scheduler 'pigeon://a': no Dask scheduler answers there"
    )


@pytest.mark.usefixtures("impatient")
def test_what_listens_and_is_no_scheduler_is_told(capfd):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(bt.DataError, match=r"no Dask scheduler answers there \(timed out\)"):
            run_ensemble(draw_normal, TASKS, seed=1, progress=False, scheduler=address)
    assert capfd.readouterr() == ("", "")


def test_a_cluster_gives_the_same_results_and_failures():
    from distributed import LocalCluster

    tasks = TASKS | {"bad": "x"}
    own = {"processes": False, "host": "127.0.0.1", "protocol": "tcp://", "dashboard_address": None}
    with LocalCluster(n_workers=1, threads_per_worker=2, **own) as cluster:
        address = cluster.scheduler_address
        there = run_ensemble(draw_normal, tasks, seed=1, scheduler=address, progress=False)
    here = run_ensemble(draw_normal, tasks, seed=1, progress=False)
    assert there.results == here.results and len(there.results) == len(TASKS)
    assert there.failures == here.failures and "the task was 'x'" in there.failures["bad"]
