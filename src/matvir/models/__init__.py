"""Networks only; one architecture per module."""

from matvir.models.slicegan import Generator

# From a model's ``kind`` to the class of its generator.
GENERATORS = {"slicegan": Generator, "gan3d": Generator}
