"""The posterior of printed estimates and their standard errors."""
