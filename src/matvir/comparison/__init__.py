"""Real against generated samples: the comparison table, correlation curves, memorisation."""
