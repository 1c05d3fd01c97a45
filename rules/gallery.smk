"""From images and generated volumes to one picture of all materials.

READS:  results/{material}/segmented/labels.h5 and generate/samples.h5 of its first run
WRITES: results/report/gallery.png
"""


rule gallery:
    """Draw every material of the run: training image, volume and slices."""
    input:
        labels=per_material(rules.segment.output.labels),
        samples=expand(
            rules.generate.output.samples,
            material=MATERIALS,
            model=MODELS[:1],
            seed=SEEDS[:1],
        ),
        code=code("gallery"),
    output:
        sheet=report(
            "results/report/gallery.png",
            caption="../workflow/report/gallery.rst",
            category="Comparison",
        ),
    log:
        "logs/gallery.log",
    benchmark:
        "job-benchmarks/gallery.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=20,
    params:
        materials=MATERIALS,
    message:
        "Drawing all materials side by side."
    script:
        "../workflow/scripts/gallery.py"
