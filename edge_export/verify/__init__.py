"""Prove compiled files: run them in their runtimes and compare them with the mother, or with a PyTorch module."""
