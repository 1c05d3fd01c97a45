"""Files of images, samples and where they come from."""
