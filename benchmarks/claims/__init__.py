"""The claims of the papers behind this package, each measured by a command of its own."""
