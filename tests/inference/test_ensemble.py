"""Ensembles: seeds by name, workers, clusters, failures, resuming, interruption."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import bayes_targets as bt
from bayes_targets.inference.ensemble import Pool, WorkerLostError, draw_normal, run_ensemble
from bayes_targets.provenance import digest_of, seed_of

TASKS = {f"task {i}": float(i) for i in range(40)}


def noted(task, seed):
    """Leave a mark for each call, in the folder that the task names."""
    (Path(task["folder"]) / f"{task['number']}-{time.monotonic_ns()}").touch()
    return {"draw": np.random.default_rng(seed).normal(size=3), "number": task["number"]}


def fussy(task, seed):
    if task == 3.0:
        raise ValueError("three is\nnot liked")
    if task == 5.0:
        os._exit(7)
    return lambda: None if task == 6.0 else task


def fussy_in_process(task, seed):
    if task == 3.0:
        raise ValueError("three is\nnot liked")
    return task


def threads(task, seed):
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    return [library["num_threads"] for library in threadpool_info()]


def test_workers_can_be_begun_before_numpy_is_loaded(run_python):
    code = (
        "import bayes_targets.run, bayes_targets.inference.ensemble.pool, sys; print('numpy' in sys.modules)"
    )
    assert run_python(code) == "False"


def test_results_do_not_depend_on_workers_order_or_other_tasks():
    one = run_ensemble(draw_normal, TASKS, seed=1, progress=False)
    two = run_ensemble(draw_normal, dict(reversed(TASKS.items())), seed=1, workers=2, progress=False)
    alone = run_ensemble(draw_normal, {"task 7": 7.0}, seed=1, progress=False)
    assert one.results == two.results and not one.failures and not two.failures
    assert alone.results["task 7"] == one.results["task 7"]
    assert len(set(one.results.values())) == len(TASKS)


def test_results_come_in_the_order_of_the_tasks():
    backwards = dict(reversed(TASKS.items()))
    assert list(run_ensemble(draw_normal, backwards, seed=1, workers=2, progress=False).results) == list(
        backwards
    )


def test_seeds_of_names_differ_also_where_one_begins_another():
    names = ["", "a", "aa", "a\0", "b", "task 1", "task 11"]
    states = {tuple(seed_of(1, name).generate_state(4)) for name in names}
    assert len(states) == len(names)
    assert tuple(seed_of(2, "a").generate_state(4)) not in states


def test_a_failed_task_is_told_with_its_inputs_and_sinks_no_other():
    done = run_ensemble(fussy_in_process, {"a": 2.0, "b": 3.0, "c": 4.0}, seed=1, progress=False)
    assert done.results == {"a": 2.0, "c": 4.0}
    assert list(done.failures) == ["b"]
    assert done.failures["b"].startswith("ValueError: three is not liked (test_ensemble.py, line ")
    assert done.failures["b"].endswith("; the task was 3.0")


def test_a_worker_that_dies_and_what_cannot_travel_are_told_and_sink_no_other():
    tasks = {str(i): float(i) for i in range(10)} | {"file": sys.stderr}
    done = run_ensemble(fussy, tasks, seed=1, workers=2, progress=False)
    assert done.results == {}  # a function made inside another cannot travel
    assert list(done.failures) == list(tasks)
    assert "its process ended with status 7; the task was 5.0" in done.failures["5"]
    assert "three is not liked" in done.failures["3"]
    assert "fussy.<locals>.<lambda>" in done.failures["6"]
    assert "TextIOWrapper" in done.failures["file"] or "EncodedFile" in done.failures["file"]


def test_every_task_has_one_thread_for_linear_algebra():
    for workers in (1, 2):
        done = run_ensemble(threads, {"a": 0, "b": 1}, seed=1, workers=workers, progress=False)
        assert all(set(found) == {1} for found in done.results.values()), workers


def test_what_is_kept_is_not_done_again(tmp_path):
    marks, keep = tmp_path / "marks", tmp_path / "kept"
    marks.mkdir()
    tasks = {str(i): {"folder": str(marks), "number": i} for i in range(4)}
    first = run_ensemble(noted, {k: tasks[k] for k in "01"}, seed=1, keep=keep, progress=False)
    whole = run_ensemble(noted, tasks, seed=1, workers=2, keep=keep, progress=False)
    assert sorted(mark.name[0] for mark in marks.iterdir()) == ["0", "1", "2", "3"]
    assert list(whole.results) == list("0123")
    assert np.array_equal(whole.results["1"]["draw"], first.results["1"]["draw"])
    run_ensemble(noted, tasks, seed=2, keep=keep, progress=False)
    assert len(list(marks.iterdir())) == 8  # another seed, other results


def test_a_damaged_kept_result_is_made_anew(tmp_path):
    first = run_ensemble(draw_normal, {"a": 1.0}, seed=1, keep=tmp_path, progress=False)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-30])
    assert (
        run_ensemble(draw_normal, {"a": 1.0}, seed=1, keep=tmp_path, progress=False).results == first.results
    )


def test_a_file_that_was_copied_over_that_of_another_task_is_not_used(tmp_path):
    first = run_ensemble(draw_normal, {"a": 1.0}, seed=1, keep=tmp_path, progress=False)
    (one,) = tmp_path.iterdir()
    both = run_ensemble(draw_normal, {"a": 1.0, "b": 1.0}, seed=1, keep=tmp_path, progress=False)
    (two,) = set(tmp_path.iterdir()) - {one}
    two.write_bytes(one.read_bytes())
    again = run_ensemble(draw_normal, {"a": 1.0, "b": 1.0}, seed=1, keep=tmp_path, progress=False)
    assert again.results == both.results and again.results["a"] == first.results["a"] != again.results["b"]


def test_a_result_that_cannot_be_kept_is_refused(tmp_path):
    with pytest.raises(bt.DataError, match="a result of type function cannot be kept"):
        run_ensemble(fussy, {"a": 1.0}, seed=1, keep=tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def die(task):
    if task == "dies":
        os.kill(os.getpid(), 9)
    if task == "raises":
        raise KeyError(task)
    return os.getpid()


def test_a_process_that_dies_costs_the_call_that_it_died_of_and_no_other():
    with Pool(2) as pool:
        for task in ("a", "b", "dies", "c", "raises", "d"):
            pool.submit(task, die, task)
        assert len(pool) == 6
        done = dict(pool.next_done() for _ in range(6))
        pool.submit("e", die, "e")
        done |= [pool.next_done()]
    assert (
        isinstance(done["dies"], WorkerLostError) and str(done["dies"]) == "its process ended with status -9"
    )
    assert isinstance(done["raises"], KeyError)
    assert all(isinstance(done[task], int) and done[task] != os.getpid() for task in "abcde")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"workers": 0}, "workers is 0"),
        ({"workers": True}, "workers is True"),
        ({"workers": 2, "scheduler": "tcp://127.0.0.1:1"}, "found both"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_settings_out_of_range_are_told(settings, message):
    with pytest.raises(bt.DataError, match=message):
        run_ensemble(draw_normal, TASKS, **{"seed": 1, "progress": False} | settings)


def test_a_function_that_workers_could_not_find_is_refused():
    with pytest.raises(bt.DataError, match="expected one at the top level of a module"):
        run_ensemble(lambda task, seed: task, TASKS, seed=1, progress=False)


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(bt.DataError, match=r"expected the extra bayes_targets\[cluster\]"):
        run_ensemble(draw_normal, TASKS, seed=1, scheduler="tcp://127.0.0.1:1", progress=False)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_the_workers_without_a_word_and_comes_through(workers, tmp_path):
    script = tmp_path / "long.py"
    script.write_text(
        textwrap.dedent(f"""
        import os, signal, time
        from bayes_targets.inference.ensemble import run_ensemble

        def slow(task, seed):
            os.write(1, b"started\\n")  # at once, as workers start together
            time.sleep(60)

        if __name__ == "__main__":
            # It is ignored in what is started in the background of a script, as tests may be.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                run_ensemble(slow, {{"a": 1, "b": 2, "c": 3}}, seed=1, workers={workers})
            except KeyboardInterrupt:
                print("interrupted", flush=True)
        """)
    )
    own_group = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    with own_group as process:
        for _ in range(workers):
            assert process.stdout.readline() == "started\n"
        started = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == ("interrupted\n", "", 0)
    assert time.monotonic() - started < 20


def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path):
    script = tmp_path / "long.py"
    script.write_text(
        textwrap.dedent("""
        import os, time
        from bayes_targets.inference.ensemble import run_ensemble

        def slow(task, seed):
            os.write(1, b"%d\\n" % os.getpid())  # at once, as workers start together
            time.sleep(60)

        if __name__ == "__main__":
            run_ensemble(slow, {"a": 1, "b": 2}, seed=1, workers=2)
        """)
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as process:
        workers = [int(process.stdout.readline()) for _ in range(2)]
        process.kill()
        # The pipe ends when nobody is left who could write to it.
        assert process.stdout.read() == ""
    assert len(set(workers)) == 2


def test_a_script_without_a_guard_is_told_what_to_do(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from bayes_targets.inference.ensemble import draw_normal, run_ensemble\n"
        "run_ensemble(draw_normal, {'a': 1.0, 'b': 2.0}, seed=1, workers=2)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "DataError: a worker ended (status 1) before its first task" in done.stderr.splitlines()[-1]


def test_the_digest_of_a_model_is_the_same_in_every_process(run_python):
    def digest(seed):
        return digest_of(
            [bt.cohesion_model(bt.simulate_authorities({"a": 9, "b": 9}, seed=seed)), {"b", "a"}]
        )

    code = (
        "import bayes_targets as bt; from bayes_targets.provenance import digest_of;"
        "model = bt.cohesion_model(bt.simulate_authorities({'a': 9, 'b': 9}, seed=1));"
        "print(digest_of([model, {'b', 'a'}]))"
    )
    assert run_python(code) == digest(1) != digest(2)
