"""From an autoencoder to what its codes say.

READS:  results/{material}/{model}/seed-{seed}/train/generator.pt, of a model of the kind vae
        results/{material}/encoded/training.h5
WRITES: results/{material}/{model}/seed-{seed}/latent/{latent.png,latent.csv}
"""


rule latent:
    """Map the codes of real crops, go from one to another, and read properties off them."""
    input:
        generator=rules.train.output.generator,
        training=rules.encode.output.training,
        code=code("latent", "generation/latent_space.py"),
    output:
        sheet=report(
            f"results/{RUN}/latent/latent.png",
            caption="../workflow/report/latent.rst",
            category="Latent space",
            labels={"material": "{material}", "model": "{model}", "seed": "{seed}"},
        ),
        table=f"results/{RUN}/latent/latent.csv",
    log:
        f"logs/{RUN}/latent.log",
    benchmark:
        f"job-benchmarks/{RUN}/latent.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=growing(8000),
        runtime=30,
    params:
        held_out=lambda w: material_settings(w)["encoding"]["held_out"] > 0,
    message:
        "Looking into the codes of {wildcards.model} of {wildcards.material}, "
        "seed {wildcards.seed}."
    script:
        "../workflow/scripts/latent.py"
