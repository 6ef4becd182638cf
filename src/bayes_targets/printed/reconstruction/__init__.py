"""Authority-level data that agree with a published table, and what pooling over them leaves open."""

from .agreement import reconstruction_table
from .build import pool_datasets, reconstruct

__all__ = ["pool_datasets", "reconstruct", "reconstruction_table"]
