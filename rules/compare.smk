"""From numbers to a comparison of every model with the real material.

READS:  results/{material}/real/measure and, of each run, measure/ and generate/samples.h5
        results/{material}/encoded/training.h5
WRITES: results/{material}/compare/{comparison,s2,memorisation,diversity,classifier}.csv
        results/{material}/compare/telling.h5, slices that give generated ones away
        results/{material}/compare/intervals.csv, how sure 3D properties are
"""


rule compare:
    """Compare the generated samples of every run of a material with the real ones."""
    input:
        unpack(reference_file),
        labels=rules.segment.output.labels,
        segmentation=rules.segment.output.summary,
        real_metrics=rules.measure_real.output.metrics,
        real_curves=rules.measure_real.output.curves,
        training=rules.encode.output.training,
        metrics=per_run(rules.measure.output.metrics),
        curves=per_run(rules.measure.output.curves),
        samples=per_run(rules.generate.output.samples),
        code=code("compare"),
    output:
        **{name: f"results/{{material}}/compare/{name}.csv" for name in TABLES},
        telling="results/{material}/compare/telling.h5",
        intervals="results/{material}/compare/intervals.csv",
    log:
        "logs/{material}/compare.log",
    benchmark:
        "job-benchmarks/{material}/compare.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=60,
    params:
        compare=SETTINGS["compare"],
        held_out=lambda w: material_settings(w)["encoding"]["held_out"] > 0,
        runs=lambda w: [(w.material, model, seed) for model in MODELS for seed in SEEDS],
    message:
        "Comparing the models of {wildcards.material} with the real data."
    script:
        "../workflow/scripts/compare.py"
