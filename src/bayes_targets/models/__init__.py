"""The models, a package a family; its equation stands in the docstring of the builder."""
