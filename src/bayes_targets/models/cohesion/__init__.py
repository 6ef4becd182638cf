"""Hierarchical models of change in a table of authorities."""
