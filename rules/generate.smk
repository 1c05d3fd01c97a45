"""From a generator to label volumes.

READS:  results/{material}/{model}/seed-{seed}/train/generator.pt
WRITES: results/{material}/{model}/seed-{seed}/generate/{samples.h5,volume.tif}
"""


rule generate:
    """Generate volumes from fresh recorded seeds."""
    input:
        generator=rules.train.output.generator,
    output:
        samples=f"results/{RUN}/generate/samples.h5",
        volume=f"results/{RUN}/generate/volume.tif",
    log:
        f"logs/{RUN}/generate.log",
    benchmark:
        f"job-benchmarks/{RUN}/generate.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        gpu=1,
        mem_mb=growing(16000),
        runtime=120,
    params:
        generation=GENERATION,
        revision=revisions.GENERATE,
    message:
        "Generating volumes of {wildcards.material} with {wildcards.model}, seed {wildcards.seed}."
    script:
        "../workflow/scripts/generate.py"
