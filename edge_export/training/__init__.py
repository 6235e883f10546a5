"""Training of the mothers: losses, sampling rules, data."""
