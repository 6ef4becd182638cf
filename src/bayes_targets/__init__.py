"""Bayesian re-analysis of what is known about the effect of government targets on outcomes.

Names are loaded when they are first used (SPEC 1), so that importing the package costs next to nothing.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
