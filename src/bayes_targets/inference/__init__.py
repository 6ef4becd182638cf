"""A model becomes a posterior, and the gate that it must pass: NUTS, quadrature, particles, many fits."""
