"""Shares of successes by area: binomial, ordinal and multinomial models."""
