"""From the real material to numbers.

READS:  results/{material}/segmented/labels.h5 and the reference volume, if there is one
WRITES: results/{material}/real/measure/{metrics.csv,curves.h5}
"""


rule measure_real:
    """Measure non-overlapping crops and sub-volumes of the real material."""
    input:
        unpack(reference_file),
        labels=rules.segment.output.labels,
    output:
        metrics="results/{material}/real/measure/metrics.csv",
        curves="results/{material}/real/measure/curves.h5",
    log:
        "logs/{material}/real/measure.log",
    benchmark:
        "job-benchmarks/{material}/real/measure.tsv"
    # Before the training where both wait: whatever is wrong with the real material or the reference
    # shows before hours are spent. As an input of the training, even an `ancient` one, it would hide
    # changed settings of training, generation and measurement from a run that measures it anew.
    priority: 1
    conda:
        ENVIRONMENT
    threads: 8
    resources:
        mem_mb=growing(16000),
        runtime=240,
    params:
        isotropic=lambda w: material_settings(w)["isotropic"],
        generation=without(GENERATION, "n_volumes"),
        measure=without(SETTINGS["measure"], "parts"),
        parts=len(PARTS),
        revision=revisions.MEASURE,
    message:
        "Measuring the real {wildcards.material}."
    script:
        "../workflow/scripts/measure_real.py"
