"""MobileNets that run at any width (arXiv 1903.05134), or at listed widths (arXiv 1812.08928)."""
