"""Exact posteriors: quadrature over a few hyperparameters, everything else integrated in closed form or in 1-D."""

from .areas import Areas as Areas
from .gaussian import Hierarchy as Hierarchy
from .gaussian import cross_products as cross_products
from .gaussian import multiply as multiply
from .grid import Axis as Axis
from .grid import Draws as Draws
from .grid import Grid as Grid
from .grid import integrate as integrate
from .grid import solve as solve
