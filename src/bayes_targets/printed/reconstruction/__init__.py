"""Authority-level data that agree with a published table, and what pooling over them leaves open."""

from .agreement import reconstruction_table
from .build import reconstruct
from .pooling import pool_datasets

__all__ = ["pool_datasets", "reconstruct", "reconstruction_table"]
