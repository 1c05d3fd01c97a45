"""From everything to figures for papers.

READS:  what the report is made from
WRITES: results/report/figures/{material}/{figure}.{pdf,svg,txt}
"""


rule figures:
    """Draw box plots, correlations and slices as vector files, each with its caption."""
    input:
        **{
            name: files
            for name, files in rules.report.input.items()
            if name not in ("code", "latent")
        },
        code=code("figures"),
    output:
        folder=directory("results/report/figures"),
    log:
        "logs/figures.log",
    benchmark:
        "job-benchmarks/figures.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=30,
    params:
        results=FILES_OF_RESULTS,
        figures=SETTINGS["figures"],
        confidence=SETTINGS["compare"]["confidence"],
    message:
        "Drawing the figures for papers."
    script:
        "../workflow/scripts/figures.py"
