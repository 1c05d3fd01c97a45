"""Train one generator on one material (rule ``train``)."""

import json
from pathlib import Path
from typing import Any

from matvir import provenance
from matvir.config import ModelConfig, from_dict
from matvir.device import device_name, pick_device, use_threads
from matvir.files import write_json, write_text
from matvir.log import log_to
from matvir.micrograph.encoding import read_training
from matvir.progress import Progress
from matvir.training.checkpoint import TrainedGenerator, save_generator
from matvir.training.loop import Trainer


def main(
    training: Path,
    generator: Path,
    history: Path,
    settings: Path,
    model: dict[str, Any],
    names: dict[str, str],
    seed: int,
    threads: int,
) -> None:
    """Train, or go on from the checkpoint beside ``generator``, and write the result."""
    use_threads(threads)
    device = pick_device()
    data = read_training(training)
    config = from_dict(ModelConfig, model)
    trainer = Trainer(
        config, data, seed=seed, device=device, fingerprint=data.fingerprint()
    )
    state = generator.with_name("state.pt")
    trainer.resume(state)
    title = f"training {names['model']} on {names['material']}"
    with Progress(title, config.training.steps, "steps", done=trainer.step) as progress:
        trainer.run(state, lambda row: progress.update(row["step"], _headline(row)))
    origin = {**names, "seed": seed, "config_hash": provenance.config_hash(trainer.settings)}
    origin |= provenance.package()
    save_generator(
        generator,
        TrainedGenerator(
            network=trainer.finish(),
            kind=config.kind,
            config=config.network,
            phases=data.phases,
            voxel_size_um=data.voxel_size_um,
            provenance=origin,
        ),
    )
    write_text(history, "".join(json.dumps(row) + "\n" for row in trainer.history))
    seconds = sorted(row["seconds_per_step"] for row in trainer.history)[len(trainer.history) // 2]
    machine = {
        "versions": provenance.versions(),
        "hardware": provenance.hardware(device_name(device), threads),
        "seconds_per_step": seconds,
        "steps": config.training.steps,
    }
    write_json(settings, {"config": model, **origin, **machine})
    state.unlink(missing_ok=True)


def _headline(row: dict[str, Any]) -> str:
    """Return the two numbers worth watching."""
    loss = "loss" if "loss" in row else "wasserstein_estimate"
    fractions = " ".join(f"{fraction:.3f}" for fraction in row["volume_fractions"])
    return f"{loss} {row[loss]:.4f}, volume fractions {fractions}"


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        training=Path(snakemake.input.training),
        generator=Path(snakemake.output.generator),
        history=Path(snakemake.output.history),
        settings=Path(snakemake.output.settings),
        model=snakemake.params.model,
        names={"material": snakemake.wildcards.material, "model": snakemake.wildcards.model},
        seed=int(snakemake.wildcards.seed),
        threads=snakemake.threads,
    )
