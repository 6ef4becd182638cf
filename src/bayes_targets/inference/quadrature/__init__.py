"""Exact posteriors: quadrature over a few hyperparameters, all else integrated in closed form or in 1-D."""

from .areas import Areas as Areas
from .axis import Axis as Axis
from .axis import Draws as Draws
from .axis import LogDensity as LogDensity
from .axis import map_axes as map_axes
from .axis import together as together
from .gaussian import Hierarchy as Hierarchy
from .gaussian import cross_products as cross_products
from .gaussian import multiply as multiply
from .grid import Grid as Grid
from .grid import integrate as integrate
from .grid import solve as solve
from .stratified import even_normals as even_normals
from .stratified import even_points as even_points
from .stratified import stratified_normal as stratified_normal
from .stratified import stratified_uniform as stratified_uniform
from .tensor import Tensor as Tensor
from .tensor import on_mesh as on_mesh
from .tensor import solve_tensor as solve_tensor
