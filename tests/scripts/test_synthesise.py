import numpy as np
import tifffile

from matvir.labels import read_labels


def test_writes_micrograph_and_truth(script, tmp_path):
    micrograph, truth = tmp_path / "raw.tif", tmp_path / "truth.h5"
    script("synthesise").main(
        micrograph=micrograph,
        truth=truth,
        synthetic={"kind": "nmc", "shape": [24, 40, 30], "seed": 3},
        phases=["void", "carbon", "oxide"],
        voxel_size_um=0.4,
    )

    labels = read_labels(truth)
    assert labels.labels.shape == (24, 40, 30)
    assert labels.phases == ("void", "carbon", "oxide")
    assert labels.voxel_size_um == (0.4, 0.4, 0.4)
    grey = tifffile.imread(micrograph)
    assert grey.shape == (40, 30)
    # The micrograph shows the middle plane and no other.
    correlations = [np.corrcoef(plane.ravel(), grey.ravel())[0, 1] for plane in labels.labels]
    assert np.argmax(correlations) == 12
