"""How the docs are built: every code block is executed, and whatever goes wrong fails the build."""

import sys
from importlib import metadata
from pathlib import Path

from bayes_targets.provenance import package_digest

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "bayes_targets"
author = "The bayes_targets developers"
release = metadata.version("bayes-targets")
copyright = author

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "offline_math",
    "numpydoc",
    "sphinx_copybutton",
    "myst_nb",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
html_math_renderer = "offline"
# The theme that PyMC's own one is made from, without PyMC's name on it.
html_theme = "pydata_sphinx_theme"
html_title = "bayes_targets"
html_context = {"default_mode": "auto"}
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {
    page: []
    for page in (
        "index",
        "start",
        "findings",
        "models",
        "quadrature",
        "validation",
        "reproducibility",
        "glossary",
        "report",
        "faq",
        "data",
        "citing",
    )
}
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["docs.css"]

myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
# Results depend on the package as much as on the page: another package, another cache.
nb_execution_cache_path = str(Path(__file__).parent / "_build" / ".jupyter_cache" / package_digest()[:16])
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_in_temp = True
nb_output_stderr = "error"
nb_merge_streams = True

autosummary_generate = True
# A picture for each figure of the package, drawn by gallery.py, with what it shows.
PICTURES = {
    "plot_anchoring": "The causal slope against the anchor weight; dashed: the printed slope.",
    "plot_audit": "Checks of both studies' printed tables by kind: nearly all consistent, a few not.",
    "plot_bubble": "SIMULATED: effects against a moderator, with the fitted line and its 95% band.",
    "plot_design": "Chance of a convincing answer, and exaggeration, by the number of authorities, a line for each true effect.",
    "plot_forest": "Published slopes and posteriors of two regressions, one row per predictor.",
    "plot_funnel": "Eight estimates against their standard errors; the shaded region holds what is not significant.",
    "plot_hits": "Number of targets hit in the end, by how far the forecasts are believed.",
    "plot_pooled": "Eight estimates as printed and pooled; a diamond for the mean, a bar for a new place.",
    "plot_prior_curve": "Probability of an effect above zero against the width of the prior, from sceptical to open-minded.",
    "plot_prior_posterior": "Wide priors and narrower posteriors of two slopes.",
    "plot_ranks": "Probability of each rank of twelve policy areas: no area is clearly first.",
    "plot_shares": "Raw and partially pooled shares of targets on course in twelve policy areas.",
    "plot_shrinkage": "SIMULATED: arrows from each type's own change to the pooled one; the smallest type moves most.",
    "plot_slope_by_weight": "Bands of the causal slope for each anchor weight, under several assumptions.",
    "plot_specifications": "SIMULATED: the slope under every combination of choices, sorted, with the choices marked below.",
    "plot_status_bars": "Counts of targets by status and area, and the range that the ordinal model predicts.",
    "plot_summary_check": "Printed statistics as points among those of simulated studies.",
}
autosummary_context = {"pictures": PICTURES}
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
copybutton_exclude = ".linenos, .gp, .go"
