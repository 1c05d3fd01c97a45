"""Train one generator on one material (rule ``train``)."""

import json
from pathlib import Path
from statistics import median
from typing import Any

from matvir.device import device_name, pick_device, pick_precision, precision_name, use_threads
from matvir.families import FAMILIES
from matvir.files import write_json, write_text
from matvir.log import log_to
from matvir.micrograph.encoding import read_training
from matvir.settings.build import from_dict
from matvir.settings.models import ModelConfig
from matvir.storage import provenance
from matvir.training.checkpoint import save_generator
from matvir.training.fit import fit, trained_generator


def main(
    training: Path,
    held_out: bool,
    generator: Path,
    history: Path,
    settings: Path,
    model: dict[str, Any],
    names: dict[str, str],
    threads: int,
    processes: int,
) -> None:
    """Train, or go on from the checkpoint beside ``generator``, and write the result."""
    use_threads(max(threads // processes, 1))
    config, device, seed = from_dict(ModelConfig, model), pick_device(), int(names["seed"])
    family = FAMILIES[config.kind]
    data = read_training(training, with_volume=family.learns_from == "volumes")
    unseen = read_training(training, part="held-out") if held_out else None
    state = generator.with_name("state.pt")
    title = f"training {names['model']} on {names['material']}"
    of_run = {"seed": seed, "device": device, "state": state, "held_out": unseen}
    trainer = fit(config, data, title=title, processes=processes, **of_run)
    origin = {**names, "seed": seed, "config_hash": provenance.config_hash(trainer.settings)}
    trained = trained_generator(trainer, config, data, origin | provenance.package())
    save_generator(generator, trained)
    write_text(history, "".join(json.dumps(row) + "\n" for row in trainer.history))
    machine = {
        "versions": provenance.versions(),
        "hardware": provenance.hardware(device_name(device), threads),
        "precision": precision_name(pick_precision(config.training.precision, device)),
        "seconds_per_step": median(row["seconds_per_step"] for row in trainer.history),
        "steps": trainer.step,
        "kept_step": trainer.kept_step,
    }
    write_json(settings, {"config": model, **trained.provenance, **machine})
    state.unlink(missing_ok=True)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        training=Path(snakemake.input.training),
        held_out=snakemake.params.held_out,
        generator=Path(snakemake.output.generator),
        history=Path(snakemake.output.history),
        settings=Path(snakemake.output.settings),
        model=snakemake.params.model,
        names=dict(snakemake.wildcards.items()),
        threads=snakemake.threads,
        processes=snakemake.resources.processes,
    )
