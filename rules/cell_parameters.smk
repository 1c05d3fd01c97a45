"""From intervals of properties to the parameters of an electrode for battery models.

READS:  results/{material}/compare/intervals.csv
WRITES: results/{material}/compare/cell_parameters.json
"""


rule cell_parameters:
    """Write what battery models ask of a microstructure, under its names in BPX."""
    input:
        intervals=rules.compare.output.intervals,
        labels=rules.segment.output.labels,
        code=code("cell_parameters"),
    output:
        parameters="results/{material}/compare/cell_parameters.json",
    log:
        "logs/{material}/cell_parameters.log",
    benchmark:
        "job-benchmarks/{material}/cell_parameters.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=5,
    params:
        electrode=SETTINGS["electrode"],
    message:
        "Writing the cell parameters of {wildcards.material}."
    script:
        "../workflow/scripts/cell_parameters.py"
