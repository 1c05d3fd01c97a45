"""From several GANs of 2D images to what their settings do.

READS:  results/{material}/compare/{comparison,s2,diversity}.csv
        results/{material}/{model}/seed-{seed}/train/{history.jsonl,config.json}
WRITES: results/report/{ablation.csv,ablation.png,ablation.md}
"""


rule ablation:
    """Compare the GANs of 2D images of the run by normalisation and batch."""
    input:
        comparison=per_material(rules.compare.output.comparison),
        s2=per_material(rules.compare.output.s2),
        diversity=per_material(rules.compare.output.diversity),
        history=of_image_gans(rules.train.output.history),
        settings=of_image_gans(rules.train.output.settings),
        code=modules("comparison/ablation.py", "report/ablation.py"),
    output:
        table="results/report/ablation.csv",
        figure=report(
            "results/report/ablation.png",
            caption="../workflow/report/ablation.rst",
            category="Comparison",
        ),
        text="results/report/ablation.md",
    log:
        "logs/ablation.log",
    benchmark:
        "job-benchmarks/ablation.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=10,
    params:
        runs=[
            (name, model, seed)
            for name in MATERIALS
            for model in image_gans(MODELS)
            for seed in SEEDS
        ],
    message:
        "Comparing the settings of the GANs of 2D images."
    script:
        "../workflow/scripts/ablation.py"
