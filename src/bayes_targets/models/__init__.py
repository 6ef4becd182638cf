"""The models, one file each; the equation stands in the docstring of the builder."""
