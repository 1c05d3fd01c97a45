"""Revisions of the steps whose results are expensive.

Editing the package re-runs nothing by itself, so that an update never throws hours of training
away. Raise a step's number in the same change that alters its results and say so in the changelog
under "Results": the step and all that follow it then run again.
"""

SYNTHESISE = 3
SEGMENT = 2
ENCODE = 4
# By objective: raise those whose results change.
TRAIN = {
    "wasserstein-gp": 9,
    "sliced-wasserstein": 8,
    "relativistic": 8,
    "gan-3d": 8,
    "gan-2d": 9,
    "vae": 9,
    "vae-gan": 10,
    "statistics-vae": 9,
    "gaussian-field": 1,
}
GENERATE = 6
MEASURE = 3
