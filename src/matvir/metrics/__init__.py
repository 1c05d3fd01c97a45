"""Properties of segmented images in 2D and 3D: arrays in, numbers out, one file per property."""
