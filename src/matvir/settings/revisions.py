"""Revisions of the steps whose results are expensive.

Editing the package re-runs nothing by itself, so that an update never throws hours of training
away. Raise a step's number in the same change that alters its results and say so in the changelog
under "Results": the step and all that follow it then run again.
Those of trainings stand with their objectives in `matvir.families`.
"""

SYNTHESISE = 3
SEGMENT = 3
ENCODE = 4
GENERATE = 6
MEASURE = 5
