"""Runs ExecuTorch programs (`.pte`) whose delegates this machine has no runtime for: Core ML ones are evaluated."""
