"""Times artifacts: the plan of a run, its statistics, and the comparison with an earlier run."""
