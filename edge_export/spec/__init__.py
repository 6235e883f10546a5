"""Plain records that every room shares: tensors, agreement, tolerance, metric, results."""
