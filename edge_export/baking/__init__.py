"""Bakes a member into a plain inference network, rule by rule. A rule that cannot apply records its reason."""
