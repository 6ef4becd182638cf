"""Analyses in order, the run folder, the manifest."""
