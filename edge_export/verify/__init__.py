"""Proves compiled files: runs them in their runtimes and compares them with the mother or with a PyTorch module."""
