"""Devices: where artifacts run. A transport brings a request folder to a runner there, and its results back."""
