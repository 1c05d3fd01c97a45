"""What the verbs of the command ``matvir`` do, one module each; their arguments: `matvir.cli`."""
