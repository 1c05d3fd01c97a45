"""From everything to one page that a person reads.

READS:  results/{material}/{segmented,real,compare} and results/{material}/{model}/seed-{seed}
WRITES: results/report/{index.html,metrics.csv}
"""

# Whose the files are that the rule is given: see `matvir.report.results.files_of_results`.
FILES_OF_RESULTS = {
    "materials": [
        {
            "name": name,
            "synthetic": SETTINGS["materials"][name]["synthetic"] is not None,
            "reference": reference_path(name),
            "dataset": dataset_of(name),
        }
        for name in MATERIALS
    ],
    "autoencoders": autoencoders(MODELS),
    "runs": [
        (name, model, seed) for name in MATERIALS for model in MODELS for seed in SEEDS
    ],
}


rule report:
    """Write the comparison page and the table of all measurements."""
    input:
        **{name: per_material(rules.compare.output[name]) for name in TABLES},
        telling=per_material(rules.compare.output.telling),
        intervals=per_material(rules.compare.output.intervals),
        labels=per_material(rules.segment.output.labels),
        segmentation=per_material(rules.segment.output.summary),
        sheet=per_material(rules.segment.output.sheet),
        reference=[path for path in map(reference_path, MATERIALS) if path],
        real_metrics=per_material(rules.measure_real.output.metrics),
        real_curves=per_material(rules.measure_real.output.curves),
        history=per_material_and_run(rules.train.output.history),
        config=per_material_and_run(rules.train.output.settings),
        samples=per_material_and_run(rules.generate.output.samples),
        metrics=per_material_and_run(rules.measure.output.metrics),
        curves=per_material_and_run(rules.measure.output.curves),
        latent=expand(
            [rules.latent.output.sheet, rules.latent.output.table],
            material=MATERIALS,
            model=autoencoders(MODELS),
            seed=SEEDS,
        ),
        code=code("report"),
    output:
        page=report(
            "results/report/index.html",
            caption="../workflow/report/report.rst",
            category="Comparison",
        ),
        metrics=report(
            "results/report/metrics.csv",
            caption="../workflow/report/metrics.rst",
            category="Comparison",
        ),
    log:
        "logs/report.log",
    benchmark:
        "job-benchmarks/report.tsv"
    conda:
        ENVIRONMENT
    threads: min(8, len(MATERIALS))
    resources:
        mem_mb=growing(8000),
        runtime=30,
    params:
        results=FILES_OF_RESULTS,
    message:
        "Writing the report."
    script:
        "../workflow/scripts/report.py"
