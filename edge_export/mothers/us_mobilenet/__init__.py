"""MobileNets that run at any width (arXiv 1903.05134)."""
