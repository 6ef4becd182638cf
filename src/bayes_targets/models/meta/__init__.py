"""Several evaluations of one question: random effects, moderators, and selection of what is published."""
