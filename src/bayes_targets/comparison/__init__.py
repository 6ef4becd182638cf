"""Classical estimates, the posterior beside them, claims."""
