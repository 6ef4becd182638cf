"""What would change an answer: sceptics, confounders, priors, specifications, and the size of a new evaluation.

One question per file: `credibility` (whom does a printed effect convince, and how strong must an omitted cause be?),
`prior_influence` (do the priors matter?), `specifications` (do the choices matter?), `design` (how many authorities would a new
evaluation need?), `robustness` (all of it for one printed table); `estimate` is what they share.
"""

from .credibility import approximate_risk_ratio as approximate_risk_ratio
from .credibility import bayes_factor as bayes_factor
from .credibility import confounder_bounds as confounder_bounds
from .credibility import e_value as e_value
from .credibility import reverse_bayes as reverse_bayes
from .credibility import robustness_value as robustness_value
from .design import design_analysis as design_analysis
from .design import needed_authorities as needed_authorities
from .design import retrodesign as retrodesign
from .estimate import Mixture as Mixture
from .estimate import as_mixture as as_mixture
from .estimate import normal_posterior as normal_posterior
from .prior_influence import PriorSensitivity as PriorSensitivity
from .prior_influence import prior_curve as prior_curve
from .prior_influence import prior_families as prior_families
from .prior_influence import prior_sensitivity as prior_sensitivity
from .prior_influence import scale_powers as scale_powers
from .specifications import CHOICES as CHOICES
from .specifications import Multiverse as Multiverse
from .specifications import multiverse as multiverse
