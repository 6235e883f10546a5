"""An evaluator of Core ML's programs (MIL) on numpy arrays: Core ML files verified without a Mac."""
