"""Stands before the real one on the path of a phone without ExecuTorch, whose bindings need it."""

raise ModuleNotFoundError("No module named 'torch'", name="torch")
