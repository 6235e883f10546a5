"""Training of mothers: losses, sampling rules, recipes and the loop."""
