"""What printed numbers allow: their rounding, audits, reconstructions."""
