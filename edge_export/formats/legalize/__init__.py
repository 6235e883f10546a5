"""Rules that rewrite an exported program into operators that a format's converter takes and gets right."""
