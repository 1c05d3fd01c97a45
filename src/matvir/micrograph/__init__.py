"""From a raw micrograph to labels: reading, segmentation, one-hot sections, crops."""
