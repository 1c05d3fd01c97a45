"""Materials grown by the project itself, whose 3D truth is known, and their raw micrographs."""
