"""A training from its start, or its checkpoint, to its end, in one process or several."""

import logging
from pathlib import Path
from typing import Any

import torch

from matvir.errors import ConfigError
from matvir.families import FAMILIES
from matvir.micrograph.encoding import TrainingData
from matvir.progress import Progress
from matvir.settings.models import ModelConfig
from matvir.training.budget import steps_within
from matvir.training.checkpoint import TrainedGenerator
from matvir.training.interruption import Interruption
from matvir.training.loop import Trainer, TrainingDiverged, TrainingInterrupted
from matvir.training.process_group import ProcessGroup, process_group

logger = logging.getLogger(__name__)


def fit(
    model: ModelConfig,
    data: TrainingData,
    *,
    seed: int,
    device: torch.device,
    state: Path,
    title: str,
    held_out: TrainingData | None = None,
    processes: int = 1,
) -> Trainer:
    """Train from the start, or from the checkpoint ``state``, to the end and show the progress.

    Parameters
    ----------
    model, data, seed, device, held_out
        As in `Trainer`.
    state : Path
        Checkpoint; the caller removes it once the result is written.
    title : str
        What the progress is called.
    processes : int
        How many share the training, this one included; each has torch's number of threads.

    Returns
    -------
    Trainer
        At its last step.
    """
    arguments: dict[str, Any] = {
        "model": model,
        "data": data,
        "seed": seed,
        "state": state,
        "held_out": held_out,
    }
    with process_group(processes, device, _take_part, arguments) as group:
        trainer = _prepared(**arguments, device=device, group=group)
        _run_and_show(trainer, state, title)
    return trainer


def trained_generator(
    trainer: Trainer, model: ModelConfig, data: TrainingData, origin: dict[str, Any]
) -> TrainedGenerator:
    """Return what a training made, with what is known of its material.

    Parameters
    ----------
    trainer : Trainer
        At its last step.
    model : ModelConfig
        What was trained.
    data : TrainingData
        On what.
    origin : dict
        Where it comes from; the images are added, and the axis that 2D images are perpendicular
        to.
    """
    origin = origin | {"images": [list(image) for image in data.images]}
    images = FAMILIES[model.kind].makes == "images"
    return TrainedGenerator(
        network=trainer.finish(),
        kind=model.kind,
        config=model.network,
        phases=data.phases,
        voxel_size_um=data.voxel_size_um,
        provenance=origin | ({"image_axis": data.image_axis} if images else {}),
    )


def _prepared(
    model: ModelConfig,
    data: TrainingData,
    *,
    seed: int,
    device: torch.device,
    state: Path,
    held_out: TrainingData | None,
    group: ProcessGroup,
) -> Trainer:
    """Return a training at its start, or where its checkpoint is."""

    def build() -> Trainer:
        return Trainer(model, data, seed=seed, device=device, held_out=held_out, group=group)

    trainer = build()
    if not trainer.resume(state) and model.training.budget is not None:
        # The twin is not kept: its memory is free again when the training starts.
        trainer.n_steps = steps_within(model.training.budget, build())
        logger.info("%s has room for %d steps", model.training.budget, trainer.n_steps)
    return trainer


def _take_part(*, group: ProcessGroup, state: Path, **arguments: Any) -> None:
    """Train as one of the processes besides the main one."""
    try:
        trainer = _prepared(group=group, state=state, **arguments)
        with Interruption() as interruption:
            trainer.run(state, lambda row: None, interruption)
    except (ConfigError, TrainingInterrupted, TrainingDiverged):
        return  # the main process says so


def _run_and_show(trainer: Trainer, state: Path, title: str) -> None:
    """Train to the end and show the progress."""
    assert trainer.n_steps is not None
    with (
        Progress(title, trainer.n_steps, "steps", done=trainer.step) as progress,
        Interruption() as interruption,
    ):
        trainer.run(state, lambda row: progress.update(row["step"], _headline(row)), interruption)


def _headline(row: dict[str, Any]) -> str:
    """Return the two numbers worth watching."""
    loss = next(name for name in ("loss", "wasserstein_estimate", "generator_loss") if name in row)
    watched = "volume_fractions" if "volume_fractions" in row else "mean_values"
    values = " ".join(f"{value:.3f}" for value in row[watched])
    return f"{loss} {row[loss]:.4f}, {watched.replace('_', ' ')} {values}"
