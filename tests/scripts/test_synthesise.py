import numpy as np
import tifffile

from matvir.storage.images import read_image


def test_writes_micrograph_and_truth(script, tmp_path):
    micrographs = [tmp_path / f"raw-{axis}.tif" for axis in range(3)]
    truth = tmp_path / "truth.h5"
    script("synthesise").main(
        micrographs=micrographs,
        truth=truth,
        synthetic={"kind": "nmc", "shape": [24, 40, 30], "seed": 3},
        phases=["void", "carbon", "oxide"],
        voxel_size_um=0.4,
    )

    truth_image = read_image(truth)
    assert truth_image.voxels.shape == (24, 40, 30)
    assert truth_image.phases == ("void", "carbon", "oxide")
    assert truth_image.voxel_size_um == (0.4, 0.4, 0.4)
    for axis, path in enumerate(micrographs):
        with tifffile.TiffFile(path) as file:
            grey = file.asarray()
            plane = file.imagej_metadata["plane"]
        planes = np.moveaxis(truth_image.voxels, axis, 0)
        assert grey.shape == planes.shape[1:]
        # The micrograph shows the plane that it names and no other.
        fits = [np.corrcoef(plane.ravel(), grey.ravel())[0, 1] for plane in planes]
        assert np.argmax(fits) == plane
