"""Turn a member into a plain inference network, one rule at a time; what a rule can't do, it says."""
