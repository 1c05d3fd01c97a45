"""From labels to the one-hot sections that every model trains on.

READS:  results/{material}/segmented/labels.h5
WRITES: results/{material}/encoded/training.h5
"""


rule encode:
    """Encode sections of a material one-hot and split off the held-out part."""
    input:
        labels=rules.segment.output.labels,
    output:
        training="results/{material}/encoded/training.h5",
    log:
        "logs/{material}/encode.log",
    benchmark:
        "job-benchmarks/{material}/encode.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=30,
    params:
        material=lambda w: without(material_settings(w), "reference"),
        revision=revisions.ENCODE,
    message:
        "Encoding the sections of {wildcards.material}."
    script:
        "../workflow/scripts/encode.py"
