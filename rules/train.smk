"""From one-hot sections to a generator.

READS:  results/{material}/encoded/training.h5
WRITES: results/{material}/{model}/seed-{seed}/train/{generator.pt,history.jsonl,config.json}
        and, while it runs, state.pt beside them, from which a stopped training goes on
"""


rule train:
    """Train one generator on one material."""
    input:
        training=rules.encode.output.training,
        # Not read by this name: of another run, or a file of the user.
        warm_start=lambda w: CONFIG.models[w.model].training.warm_start or [],
    output:
        generator=f"results/{RUN}/train/generator.pt",
        history=f"results/{RUN}/train/history.jsonl",
        settings=f"results/{RUN}/train/config.json",
    log:
        f"logs/{RUN}/train.log",
    benchmark:
        f"job-benchmarks/{RUN}/train.tsv"
    conda:
        ENVIRONMENT
    threads: 8
    resources:
        gpu=processes_of,
        # No parameter: another number of them is no reason to train again.
        processes=processes_of,
        # Each process has all networks and the data.
        mem_mb=lambda w, attempt: attempt * 16000 * processes_of(w),
        runtime=1440,
    params:
        model=lambda w: SETTINGS["models"][w.model],
        held_out=lambda w: material_settings(w)["encoding"]["held_out"] > 0,
        revision=lambda w: objective_of(w).revision,
    message:
        "Training {wildcards.model} on {wildcards.material}, seed {wildcards.seed}."
    script:
        "../workflow/scripts/train.py"
