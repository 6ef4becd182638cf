"""The Bayesian analysis reporting guidelines, and where a page answers each of their items."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

SOURCE = (
    "Kruschke, J. K. (2021). Bayesian analysis reporting guidelines. Nature Human Behaviour 5, 1282–1291. "
    "doi:10.1038/s41562-021-01177-7"
)


@dataclass(frozen=True)
class Item:
    """One thing that the guidelines ask for, in our words.

    Attributes
    ----------
    step : str
        Step of the guidelines.
    asks : str
        What is to be reported.
    section : str
        Id of the section that answers it, where the page has that section; empty if none does.
    note : str
        How it is answered there.
    otherwise : str
        Why it is not answered, where the page lacks the section.
    """

    step: str
    asks: str
    section: str
    note: str
    otherwise: str


_MODEL, _FIT = "1. Model", "2. Computation"
_POSTERIOR, _DECISIONS = "3. Posterior", "4. Decisions"
_SENSITIVITY, _AGAIN = "5. Sensitivity", "6. Reproducibility"
_NOTHING_FITTED = "Not applicable: nothing was fitted."

ITEMS = (
    Item("Preamble", "Why Bayesian", "why", "", ""),
    Item("Preamble", "Goals of the analysis", "question", "the question at the top", ""),
    Item(
        _MODEL,
        "Data: outcome and predictors",
        "model",
        "signs below the equation; sources under Provenance",
        _NOTHING_FITTED,
    ),
    Item(_MODEL, "Likelihood and parameters", "model", "equation and graph", _NOTHING_FITTED),
    Item(
        _MODEL,
        "Prior of every parameter, and why",
        "priors",
        "with units; the reasons are in the docs of the priors' class",
        "Not answered on this page.",
    ),
    Item(
        _MODEL,
        "Formal specification",
        "equation",
        "equation here, code in the package named under Provenance",
        "Not answered on this page.",
    ),
    Item(
        _MODEL,
        "Prior predictive check",
        "prior-predictive",
        "what the priors alone predict, beside the data",
        "Not answered: a prior is improper, or prior draws were not kept.",
    ),
    Item(_FIT, "Software", "provenance", "versions in run.json", ""),
    Item(
        _FIT,
        "Convergence of chains",
        "diagnostics",
        "R-hat of every parameter, in the file of all checks",
        _NOTHING_FITTED,
    ),
    Item(
        _FIT,
        "Resolution of chains",
        "diagnostics",
        "effective sample sizes, in the file of all checks",
        _NOTHING_FITTED,
    ),
    Item(
        _FIT,
        "If not by chains: how accurate",
        "exact",
        "mass beyond the grid, and change when it is refined",
        "Not applicable: sampled by chains, or nothing was fitted.",
    ),
    Item(
        _POSTERIOR,
        "Posterior predictive check",
        "posterior-predictive",
        "observed values in their predictive intervals",
        "Not answered on this page: no replicated data were kept.",
    ),
    Item(
        _POSTERIOR,
        "Summary of the parameters",
        "tables",
        "mean or median, and intervals whose kind and probability the captions tell; draws in posterior.nc",
        _NOTHING_FITTED,
    ),
    Item(
        _POSTERIOR,
        "Bayes factors and model probabilities",
        "bayes-factors",
        "the table that gives them, with the prior that each rests on",
        "Not used on this page: no hypothesis is given a prior probability of its own.",
    ),
    Item(
        _DECISIONS,
        "Whether decisions are made, and why",
        "decisions",
        "no decision is made; claims are given probabilities, and words on the IPCC's scale",
        "",
    ),
    Item(
        _DECISIONS,
        "Loss function",
        "",
        "",
        "Not used: the reader has the costs, the page has the probabilities.",
    ),
    Item(
        _DECISIONS,
        "Limits of the region of practical equivalence",
        "rope",
        "in the caption of the comparison",
        "Not used on this page.",
    ),
    Item(
        _SENSITIVITY,
        "Priors: broad, informed or default",
        "sensitivity",
        "the same with other priors or another model",
        "Not answered on this page.",
    ),
    Item(_SENSITIVITY, "Of decisions and model probabilities", "", "", "Not applicable: none are made."),
    Item(
        _AGAIN,
        "Software and installation",
        "provenance",
        "versions, and the command that installs nothing else",
        "",
    ),
    Item(
        _AGAIN,
        "Scripts and data",
        "provenance",
        "names and hashes of every file; the data are in the package, or are the user's own",
        "",
    ),
    Item(
        _AGAIN,
        "Readable code, files beside it",
        "provenance",
        "the analysis is one script of the name shown",
        "",
    ),
    Item(_AGAIN, "Runs as posted, the same draws", "provenance", "one command, with the seed", ""),
)


def answered(sections: Collection[str], titles: Mapping[str, str]) -> list[dict[str, str]]:
    """Say of each item where a page answers it, or that it does not.

    Parameters
    ----------
    sections : collection of str
        Ids of what the page holds.
    titles : mapping of str to str
        Id to the words a reader sees.

    Returns
    -------
    list of dict
        ``step``, ``asks``, ``section`` (id, or empty), ``title`` and ``note``, in the order of the guidelines.

    Examples
    --------
    >>> rows = answered({"provenance"}, {"provenance": "Provenance"})
    >>> [row["title"] for row in rows if row["asks"] == "Software"]
    ['Provenance']
    """
    return [
        {
            "step": item.step,
            "asks": item.asks,
            "section": item.section if item.section in sections else "",
            "title": titles.get(item.section, ""),
            "note": item.note if item.section in sections else item.otherwise,
        }
        for item in ITEMS
    ]
