"""Whether results are those that the run recorded, or that someone published.

READS:  results/report and everything it was made from
WRITES: results/report/record.json
"""


rule record:
    """Record what the run was given, how it was set and what it made."""
    input:
        # All that the report shows, and the generators.
        results=[
            *[str(path) for path in rules.report.input if in_results(path)],
            *rules.report.output,
            *per_material_and_run(rules.train.output.generator),
        ],
        images=list(user_files().values()),
    output:
        record="results/report/record.json",
    log:
        "logs/record.log",
    benchmark:
        "job-benchmarks/record.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=20,
    params:
        settings=settings_of_the_run(SETTINGS),
        names=list(user_files()),
    message:
        "Recording what the run was given and what it made."
    script:
        "../workflow/scripts/record.py"


# Without input, so that looking at results never makes them anew.
rule verify:
    """Check that results are as they were recorded, and compare them with published ones."""
    log:
        "logs/verify.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=20,
    params:
        report="results/report",
        settings=SETTINGS["verify"],
    message:
        "Verifying results/."
    script:
        "../workflow/scripts/verify.py"
