"""Real against generated: differences with intervals and tests, memorisation, diversity."""
