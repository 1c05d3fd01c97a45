"""Real against generated: differences with intervals and tests, memorisation, diversity."""

# The tables that `matvir.comparison.run.compare_run` returns, each a file of a material.
TABLES = ("comparison", "s2", "memorisation", "diversity")
