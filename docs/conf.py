"""How the docs are built: every code block is executed, and whatever goes wrong fails the build."""

from importlib import metadata
from pathlib import Path

from bayes_targets.provenance import package_digest

project = "bayes_targets"
author = "The bayes_targets developers"
release = metadata.version("bayes-targets")
copyright = author

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_copybutton",
    "myst_nb",
]
exclude_patterns = ["_build"]
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
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
copybutton_exclude = ".linenos, .gp, .go"
