"""Virtual material from one micrograph, and the evidence that it is like the real one."""

__version__ = "0.2.0"
