"""An evaluator of Core ML programs (MIL) on numpy arrays. It verifies Core ML files without a Mac."""
