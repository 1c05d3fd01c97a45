"""Samples, their values and curves, and tables of these, for real and generated alike."""
