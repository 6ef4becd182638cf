"""One way to a posterior, as a process of its own: it gets ready, then samples once for each seed on standard input.

Each answer is a line of JSON. Started by ``speed.py``.

    python benchmarks/peer.py PEER PROBLEM DATA.csv [--draws 1000] [--tune 1000] [--cold]
"""

import argparse
import json
import os
import sys
import tempfile
import time

CHAINS = 4


def exact(name, file, draws, tune):
    import numpy as np
    from problems import compared, problem

    model = problem(name, file)

    def sample(seed):
        found, stats = model.exact(model, CHAINS * draws, np.random.default_rng(seed))
        # In posterior standard deviations, not in standard errors of these draws.
        sample.told = {"refinement_sd": float(stats["refinement_change"]) / (CHAINS * draws) ** 0.5}
        return lambda: compared(name, found.rename(sample="draw").expand_dims("chain"))

    return sample


def nutpie(name, file, draws, tune):
    from problems import compared, problem

    from bayes_targets.inference.engines import compile_nuts, sample_nuts

    compiled = compile_nuts(problem(name, file))

    def sample(seed):
        found, _ = sample_nuts(compiled, draws=draws, tune=tune, chains=CHAINS, seed=seed)
        return lambda: compared(name, found)

    return sample


def _pymc(name, file, draws, tune, sampler):
    import pymc as pm
    from problems import compared, problem

    graph = problem(name, file).to_pymc()

    def sample(seed):
        with graph:
            tree = pm.sample(
                draws,
                tune=tune,
                chains=CHAINS,
                cores=2,
                random_seed=seed,
                nuts_sampler=sampler,
                nuts_sampler_kwargs={"chain_method": "vectorized"} if sampler == "numpyro" else {},
                target_accept=0.9,
                progressbar=False,
                compute_convergence_checks=False,
            )
        return lambda: compared(name, tree["posterior"].to_dataset())

    return sample


def pymc(name, file, draws, tune):
    return _pymc(name, file, draws, tune, "pymc")


def numpyro(name, file, draws, tune):
    # Four chains at once, which is quickest for small models. Each call traces and compiles anew.
    return _pymc(name, file, draws, tune, "numpyro")


def bambi(name, file, draws, tune):
    import bambi as bmb
    import numpy as np
    import pandas as pd
    from problems import cohesion_data, problem, success_counts

    if name == "ordinal":
        raise SystemExit("no such prior in Bambi")
    model = problem(name, file)

    def half(sigma):
        return bmb.Prior("Normal", mu=0, sigma=bmb.Prior("HalfNormal", sigma=sigma))

    if name == "binomial":
        count = success_counts(model)
        labels = [f"a{j:02}" for j in range(len(count))]
        frame = pd.DataFrame({"y": count[:, 0], "n": count.sum(axis=1), "area": labels})
        priors = {"Intercept": bmb.Prior("Normal", mu=0, sigma=1.5), "1|area": half(1.0)}
        made = bmb.Model("p(y, n) ~ 1 + (1|area)", frame, family="binomial", priors=priors)
    else:
        data = cohesion_data(model)
        frame = pd.DataFrame(data["controls"], columns=[f"c{k}" for k in range(data["controls"].shape[1])])
        kinds = np.array([f"t{k}" for k in data["kind"]])
        frame = frame.assign(x=data["x"], change=data["change"], kind=kinds)
        own = "x" if name.endswith("by_type") else "1"
        priors = {f"c{k}": bmb.Prior("Normal", mu=0, sigma=2.5) for k in range(data["controls"].shape[1])}
        priors |= {name: bmb.Prior("Normal", mu=0, sigma=5) for name in ("Intercept", "x")}
        priors |= {"sigma": bmb.Prior("HalfNormal", sigma=7.5), "1|kind": half(2.5)}
        priors |= {"x|kind": half(2.5)} if own == "x" else {}
        formula = f"change ~ 1 + x + {' + '.join(c for c in frame if c[0] == 'c' and c[1:].isdigit())} + ({own}|kind)"
        made = bmb.Model(formula, frame, priors=priors, center_predictors=False)
    made.build()

    def sample(seed):
        tree = made.fit(
            draws,
            tune=tune,
            chains=CHAINS,
            cores=2,
            random_seed=seed,
            target_accept=0.9,
            progressbar=False,
            compute_convergence_checks=False,
        )
        found = tree["posterior"].to_dataset()
        return lambda: _from_bambi(name, found, model)

    return sample


def _from_bambi(name, found, model):
    import numpy as np
    from problems import cohesion_data

    mu = found["Intercept"].to_numpy()
    if name == "binomial":
        effects = found["1|area"].transpose("chain", "draw", ...).to_numpy()
        share = 1 / (1 + np.exp(-(mu[..., None] + effects)))
        out = {"mu": mu, "tau": found["1|area_sigma"].to_numpy()}
        return _elements(out | {f"share[{j}]": share[..., j] for j in range(share.shape[2])})
    own = found["1|kind"].transpose("chain", "draw", ...).to_numpy()
    out = {"mu": mu, "tau": found["1|kind_sigma"].to_numpy(), "effect": found["x"].to_numpy()}
    out |= {"sigma": found["sigma"].to_numpy()}
    out |= {f"intercept[{t}]": mu + own[..., t] for t in range(own.shape[2])}
    scale = cohesion_data(model)["scale"]
    out |= {f"coefficient[{k}]": found[f"c{k}"].to_numpy() / scale[k] for k in range(scale.size)}
    if "x|kind" in found:
        slopes = found["x|kind"].transpose("chain", "draw", ...).to_numpy()
        out["tau_effect"] = found["x|kind_sigma"].to_numpy()
        out |= {f"effect_by_type[{t}]": out["effect"] + slopes[..., t] for t in range(slopes.shape[2])}
    return _elements(out)


def _elements(out):
    return {key if "[" in key else f"{key}[0]": values for key, values in out.items()}


PEERS = {f.__name__: f for f in (exact, nutpie, pymc, numpyro, bambi)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("problem")
    parser.add_argument("file")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--tune", type=int, default=1000)
    parser.add_argument("--cold", action="store_true", help="with empty caches of compiled code")
    given = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print goes elsewhere
    with tempfile.TemporaryDirectory() as empty:
        if given.cold:
            os.environ["PYTENSOR_FLAGS"] = f"base_compiledir={empty}"
            os.environ |= {"NUMBA_CACHE_DIR": empty, "XDG_CACHE_HOME": empty}
        serve(given, answers)


def serve(given, answers):
    sample = PEERS[given.peer](given.problem, given.file, given.draws, given.tune)
    print(json.dumps({"ready": time.time()}), file=answers, flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        found = sample(int(line))
        seconds = time.perf_counter() - started
        told = {"seconds": seconds, "ended": time.time()} | getattr(sample, "told", {})
        print(json.dumps(told | summary(given, found())), file=answers, flush=True)


def summary(given, draws):
    """Smallest bulk ESS, means, s.d.s and ESS of each quantity."""
    import numpy as np
    from arviz_stats.base import array_stats

    ess = {
        name: float(CHAINS * given.draws if given.peer == "exact" else array_stats.ess(values, method="bulk"))
        for name, values in draws.items()
    }
    told = {"ess": min(ess.values()), "each": {}}
    for name, values in draws.items():
        told["each"][name] = [float(np.mean(values)), float(np.std(values, ddof=1)), ess[name]]
    return told


if __name__ == "__main__":
    main()
