"""From a raw image to labels.

READS:  the material's image and reference volume, or nothing for a synthetic material
WRITES: results/{material}/raw/{micrograph-0.tif,micrograph-1.tif,micrograph-2.tif,truth.h5}
                                                          (synthetic materials)
        results/{material}/raw/reference.h5               (materials with a reference)
        results/{material}/segmented/{labels.h5,sheet.png,segmentation.json}
"""


rule synthesise:
    """Grow a synthetic material and render a raw micrograph perpendicular to each axis."""
    output:
        micrographs=expand(
            "results/{material}/raw/micrograph-{axis}.tif",
            axis=range(3),
            allow_missing=True,
        ),
        truth="results/{material}/raw/truth.h5",
    log:
        "logs/{material}/synthesise.log",
    benchmark:
        "job-benchmarks/{material}/synthesise.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=10,
    params:
        synthetic=lambda w: material_settings(w)["synthetic"],
        phases=lambda w: material_settings(w)["phases"],
        voxel_size_um=lambda w: material_settings(w)["voxel_size_um"],
        revision=revisions.SYNTHESISE,
    message:
        "Growing the synthetic material {wildcards.material}."
    script:
        "../workflow/scripts/synthesise.py"


rule segment:
    """Segment the raw image of a material into labels."""
    input:
        unpack(image_files),
    output:
        labels="results/{material}/segmented/labels.h5",
        sheet=report(
            "results/{material}/segmented/sheet.png",
            caption="../workflow/report/segment.rst",
            category="Segmentation",
            labels={"material": "{material}"},
        ),
        summary="results/{material}/segmented/segmentation.json",
    log:
        "logs/{material}/segment.log",
    benchmark:
        "job-benchmarks/{material}/segment.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=growing(8000),
        runtime=60,
    params:
        material=lambda w: without(material_settings(w), "reference"),
        revision=revisions.SEGMENT,
    message:
        "Segmenting {wildcards.material}."
    script:
        "../workflow/scripts/segment.py"


rule reference:
    """Read the label volume that a material is judged by."""
    input:
        volume=lambda w: file_of(material_settings(w)["reference"]),
        labels=rules.segment.output.labels,
    output:
        reference="results/{material}/raw/reference.h5",
    log:
        "logs/{material}/reference.log",
    benchmark:
        "job-benchmarks/{material}/reference.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=20,
    params:
        material=material_settings,
        revision=revisions.SEGMENT,
    message:
        "Reading the reference volume of {wildcards.material}."
    script:
        "../workflow/scripts/reference.py"
