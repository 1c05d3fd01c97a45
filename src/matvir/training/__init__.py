"""Training of generators: loop, losses, averages and checkpoints."""
