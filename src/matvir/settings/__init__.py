"""The configuration: records of it, defaults, and checks before any work starts."""
