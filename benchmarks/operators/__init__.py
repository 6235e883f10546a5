"""Coverage on torch's own lists of operators and modules: our files beside those of plain converters."""
