"""Plain records that all packages share: tensors, agreement, tolerance, metric, results."""
