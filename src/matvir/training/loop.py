"""The training loop: steps, averages, history and checkpoints; no loss and no data of its own."""

import logging
import math
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from matvir.device import coarse_products
from matvir.errors import ConfigError, InputError, MatvirError
from matvir.micrograph.encoding import TrainingData
from matvir.models import Network, build_generator
from matvir.models.gan2d import ImageGenerator
from matvir.models.gaussian_field import GaussianField
from matvir.models.images import ImageModel, images_at_once
from matvir.models.slicegan import Generator, Latents, network_of_volumes
from matvir.models.vae import Vae
from matvir.progress import Progress
from matvir.settings import revisions
from matvir.settings.image_models import require_sound
from matvir.settings.records import (
    DecayConfig,
    ModelConfig,
    RelativisticConfig,
    SlicedWassersteinConfig,
    VaeGanConfig,
    WassersteinGPConfig,
    to_dict,
)
from matvir.training import checkpoint
from matvir.training.budget import steps_within
from matvir.training.calibration import (
    fractions_of,
    match_fractions,
    match_means,
    settle_normalisations,
)
from matvir.training.density import aimed_fractions, draw_fractions
from matvir.training.ema import averaged_copy, update_average
from matvir.training.history import best_row, exhausted
from matvir.training.interruption import Interruption
from matvir.training.losses.gan2d import Gan2d
from matvir.training.losses.gan3d import Gan3d
from matvir.training.losses.gaussian_field import GaussianFieldFit
from matvir.training.losses.relativistic import Relativistic
from matvir.training.losses.sliced_wasserstein import SlicedWasserstein
from matvir.training.losses.vae import Autoencoding
from matvir.training.losses.vaegan import VaeGan
from matvir.training.losses.wasserstein_gp import WassersteinGP
from matvir.training.objective import Moment, Objective
from matvir.training.process_group import ALONE, Team, share_normalisations, team_of
from matvir.training.seeding import derived_seed, seeded
from matvir.training.selection import Errors, Validation
from matvir.training.warm_start import start_from

logger = logging.getLogger(__name__)

# Volumes that a validated generator is calibrated with, and the finished one. Their fractions vary,
# and so does the calibration; large ones vary less and take more memory.
FEWEST_VOLUMES, MOST_VOLUMES = 16, 64
MOST_VOXELS = MOST_VOLUMES * 72**3
# Images that the normalisations of a finished generator of images are settled with.
SETTLING_IMAGES = 256


# Longest time between two checkpoints, if steps are slow.
CHECKPOINT_SECONDS = 600.0


class TrainingDiverged(MatvirError, ArithmeticError):
    """A loss is no longer finite."""


class TrainingInterrupted(MatvirError):
    """A signal asked the training to end; its state is saved."""


def build_objective(
    model: ModelConfig,
    generator: Network,
    data: TrainingData,
    device: torch.device,
    weights: torch.Generator,
    team: Team = ALONE,
) -> Objective:
    """Return the objective that the model's configuration names.

    ``weights`` is where the first weights of critics come from, ``team`` who shares the work.

    Raises
    ------
    ConfigError
        If the objective cannot be shared.
    """
    objective = model.training.objective
    if isinstance(objective, WassersteinGPConfig) and isinstance(generator, Generator):
        return WassersteinGP(model, generator, data, device, weights, team)
    if isinstance(objective, RelativisticConfig) and isinstance(generator, Generator):
        return Relativistic(model, generator, data, device, weights, team)
    if team.size > 1:
        raise ConfigError(
            f"train.processes: the objective {objective.kind!r} trains in one process, got "
            f"{team.size}. Those of 'wasserstein-gp' and 'relativistic' can be shared."
        )
    if isinstance(generator, ImageModel):
        return build_image_objective(model, generator, data, device, weights)
    if isinstance(generator, GaussianField):
        return GaussianFieldFit(model, generator, data, device)
    if isinstance(objective, SlicedWassersteinConfig):
        return SlicedWasserstein(model, generator, data, device)
    return Gan3d(model, generator, data, device, weights)


def build_image_objective(
    model: ModelConfig,
    generator: ImageModel,
    data: TrainingData,
    device: torch.device,
    weights: torch.Generator,
) -> Objective:
    """Return the objective of a model of 2D images, as `build_objective`.

    Raises
    ------
    ConfigError
        If network and objective do not fit each other (`matvir.settings.image_models`).
    """
    require_sound(model)
    if isinstance(generator, ImageGenerator):
        return Gan2d(model, generator, data, device, weights)
    assert isinstance(generator, Vae)
    if isinstance(model.training.objective, VaeGanConfig):
        return VaeGan(model, generator, data, device, weights)
    return Autoencoding(model, generator, data, device)


def rate_factor(progress: float, decay: DecayConfig) -> float:
    """Return what learning rates are multiplied with when a share ``progress`` is done."""
    if progress <= decay.start:
        return 1.0
    share = (progress - decay.start) / (1 - decay.start)
    return decay.final + (1 - decay.final) * (1 + math.cos(math.pi * share)) / 2


class Trainer:
    """One training run that can stop anywhere and go on from its last checkpoint.

    Parameters
    ----------
    model : ModelConfig
        Network and training.
    data : TrainingData
        One-hot sections, never the held-out part.
    seed : int
        Determines, with the data and the machine, every bit of the result.
    device : torch.device
        Where to train.
    held_out : TrainingData, optional
        What validations see besides ``data``.
    team : Team
        Processes that share the work.
    """

    def __init__(
        self,
        model: ModelConfig,
        data: TrainingData,
        *,
        seed: int,
        device: torch.device,
        held_out: TrainingData | None = None,
        team: Team = ALONE,
    ) -> None:
        self.config, self.team = model.training, team
        self.seed = seed
        self.device = device
        self.settings = {
            "revision": revisions.TRAIN[model.training.objective.kind],
            "seed": seed,
            "model": to_dict(model),
            "data": data.fingerprint(),
            "held_out": None if held_out is None else held_out.fingerprint(),
        }
        self.generator = build_generator(model.network, data.n_phases, data.kind)
        control = self.config.density_control
        self.fractions = aimed_fractions(control, data)
        weights = seeded(derived_seed(seed, "initialisation"))
        self.generator.initialise(weights)
        if isinstance(self.generator, Vae):
            self.generator.begin_at(torch.tensor(self.fractions))
        if isinstance(self.generator, Generator):
            if self.config.warm_start is not None:
                trained = checkpoint.load_generator(Path(self.config.warm_start))
                network = network_of_volumes(model)
                start_from(self.generator, network, trained, self.config.warm_start)
                self.settings["warm_start"] = trained.provenance
            if control is not None and control.range is not None:
                self.generator.set_range(fractions_of(data), control.range)
        # This layout is 2 to 5 times faster than the contiguous one on a CPU.
        flat = isinstance(self.generator, ImageModel)
        layout = torch.channels_last if flat else torch.channels_last_3d
        self.generator.to(device).to(memory_format=layout)  # type: ignore[call-overload]
        self.average = averaged_copy(self.generator)
        self.best = averaged_copy(self.generator)
        self.validation: Validation | None = None
        if self.config.selection is not None and isinstance(self.generator, Generator):
            parts = [data] if held_out is None else [data, held_out]
            size = self.generator.output_size(self.config.latent_size)
            self.validation = Validation(self.config.selection, parts, size, device)
        # Only now: the copies above are used by each process by itself.
        if isinstance(self.generator, Generator):
            share_normalisations(self.generator.normalisations, team)
        self.objective = build_objective(model, self.generator, data, device, weights, team)
        self._first_rates = {
            name: optimiser.param_groups[0]["lr"]
            for name, optimiser in self.objective.optimisers.items()
        }
        self.step, self.n_steps = 0, self.config.steps
        self.history: list[dict[str, Any]] = []

    def resume(self, state: Path) -> bool:
        """Continue from the checkpoint ``state`` if it is there and of the same settings.

        Returns
        -------
        bool
            Whether a checkpoint was loaded.
        """
        if not state.exists():
            return False
        content = checkpoint.load(state)
        if content.get("settings") != self.settings:
            logger.warning("%s is of other settings or data and is not continued", state)
            return False
        try:
            for name, part in self._parts().items():
                part.load_state_dict(content["parts"][name])
            self.step, self.history = content["step"], content["history"]
            self.n_steps = content["n_steps"]
        except (KeyError, RuntimeError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{state}: expected the state of this training, got one that does not fit it "
                f"({error}). Remove the file to begin anew."
            ) from error
        logger.info("continuing after step %d of %d", self.step, self.n_steps)
        return True

    def save(self, state: Path) -> None:
        """Write everything the next step depends on to one file, atomically, if this one leads."""
        if not self.team.leads:
            return
        content = {
            "settings": self.settings,
            "step": self.step,
            "n_steps": self.n_steps,
            "history": self.history,
            "parts": {name: part.state_dict() for name, part in self._parts().items()},
        }
        checkpoint.save(state, content)

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """Return everything that steps change."""
        optimisers = self.objective.optimisers.items()
        return {
            "generator": self.generator,
            "average": self.average,
            **({} if self.validation is None else {"best": self.best}),
            **self.objective.networks(),
            **{f"optimiser of {name}": optimiser for name, optimiser in optimisers},
        }

    @coarse_products()
    def run(
        self,
        state: Path,
        report: Callable[[dict[str, Any]], None],
        interruption: Interruption | None = None,
    ) -> None:
        """Train until step ``n_steps``, or until validations are no longer better.

        Parameters
        ----------
        state : Path
            Checkpoint, written every ``checkpoint_every`` steps, and every `CHECKPOINT_SECONDS`.
        report : callable
            Called with each new row of the history.
        interruption : Interruption, optional
            When it has noticed a signal, the training ends.

        Raises
        ------
        TrainingDiverged
            If a loss is not finite; the last good checkpoint is kept.
        TrainingInterrupted
            After a signal; ``state`` holds everything that was done.
        """
        self.generator.train()
        started, interval_start = time.perf_counter(), self.step
        saved = started
        assert self.n_steps is not None
        while self.step < self.n_steps and not self._exhausted():
            losses, volumes = self.objective.step(self._moment(self.step / self.n_steps))
            update_average(self.average, self.generator, self.config.ema_decay, self.step)
            self.step += 1
            validate = self._validation_due()
            if validate or self._due(self.config.log_every):
                row = self._row(losses, volumes, state)
                passed = time.perf_counter() - started
                row["seconds_per_step"] = passed / (self.step - interval_start)
                if validate:
                    self._select(row)
                self.history.append(row)
                report(row)
                started, interval_start = time.perf_counter(), self.step
            signal = self._signal(interruption)
            late = time.perf_counter() - saved > CHECKPOINT_SECONDS
            if self._due(self.config.checkpoint_every) or self._exhausted() or late or signal:
                self._require_finite(losses, state)
                self.save(state)
                saved = time.perf_counter()
            if signal is not None and self.step < self.n_steps:
                raise TrainingInterrupted(
                    f"{signal} ended the training after step {self.step} of {self.n_steps}; "
                    f"{state} holds all of it. Run the same command again to go on."
                )
        if self._exhausted():
            logger.info("stopped at step %d: no better than at %d", self.step, self.kept_step)

    def _signal(self, interruption: Interruption | None) -> str | None:
        """Return the signal that any of the processes noticed."""
        mine = None if interruption is None else interruption.signal
        if not self.team.any(mine is not None, self.device):
            return None
        return mine or "a signal to another process"

    def _due(self, every: int) -> bool:
        """Return whether what is done every so many steps, and after the last one, is due."""
        return self.step % every == 0 or self.step == self.n_steps

    def _validation_due(self) -> bool:
        selection = self.config.selection
        assert self.n_steps is not None
        return (
            selection is not None
            and self.step >= selection.start * self.n_steps
            and self._due(selection.every)
        )

    def _select(self, row: dict[str, Any]) -> None:
        """Add the errors of the averaged generator to a row, and keep it if it is the best."""
        errors = self.validate()
        assert errors is not None
        agreed = self.team.agreed(astuple(errors), self.device)
        row |= asdict(Errors(*agreed))
        if best_row([*self.history, row]) is row:
            self.best.load_state_dict(self.average.state_dict())

    @coarse_products()
    def validate(self) -> Errors | None:
        """Measure the averaged generator as it would be finished; None without a selection."""
        if self.validation is None or self.config.selection is None:
            return None
        assert isinstance(self.average, Generator)
        latents = self._draw(self.average, "selection", self.config.selection.volumes)
        return self.validation(self._finished(self.average, FEWEST_VOLUMES), latents)

    @property
    def kept_step(self) -> int:
        """Step whose generator is the result: of the best validation, without any the last one."""
        best = best_row(self.history)
        return self.step if best is None else int(best["step"])

    def _exhausted(self) -> bool:
        selection = self.config.selection
        return selection is not None and exhausted(self.history, selection.patience)

    @coarse_products()
    def rehearse(self, progress: float) -> None:
        """Make a step as it will be at ``progress``, to see how long it takes."""
        losses, _ = self.objective.step(self._moment(progress))
        update_average(self.average, self.generator, self.config.ema_decay, self.step)
        self.step += 1  # what is not done at each step is to be rehearsed as often as it comes
        # A GPU works ahead of Python until a number is asked for.
        next(iter(losses.values())).item()

    def _moment(self, progress: float) -> Moment:
        """Set the learning rates of the next step and return what else it depends on."""
        factor = rate_factor(progress, self.config.decay)
        for name, optimiser in self.objective.optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = factor * self._first_rates[name]
        # The random numbers of a step depend on seed and step alone.
        random = seeded(derived_seed(self.seed, "training", self.step), self.device)
        return Moment(random, self.step, progress)

    def _row(self, losses: dict[str, Tensor], volumes: Tensor, state: Path) -> dict[str, Any]:
        self._require_finite(losses, state)
        row = {"step": self.step, **{name: value.item() for name, value in losses.items()}}
        if self.generator.kind != "phases":
            return row | {"mean_values": volumes.flatten(2).mean(dim=(0, 2)).tolist()}
        counts = torch.bincount(volumes.argmax(dim=1).flatten(), minlength=volumes.shape[1])
        return row | {"volume_fractions": (counts / counts.sum()).tolist()}

    def _require_finite(self, losses: dict[str, Tensor], state: Path) -> None:
        broken = [name for name, value in losses.items() if not math.isfinite(value.item())]
        if broken:
            kept = f"{state} holds the last good state" if state.exists() else "none was saved yet"
            raise TrainingDiverged(
                f"training diverged: {', '.join(broken)} not finite at step {self.step} "
                f"({kept}). Lower training.objective.learning_rate and train again."
            )

    def finish(self) -> Network:
        """Return the averaged generator of ``kept_step``, finished."""
        kept = self.average if best_row(self.history) is None else self.best
        if isinstance(kept, ImageModel):
            return self._finished_images(kept)
        if isinstance(kept, GaussianField):
            return deepcopy(kept).eval()
        assert isinstance(kept, Generator)
        n_voxels = kept.output_size(self.config.latent_size) ** 3
        n_volumes = min(max(MOST_VOXELS // n_voxels, FEWEST_VOLUMES), MOST_VOLUMES)
        return self._finished(kept, n_volumes)

    def _finished_images(self, network: ImageModel) -> ImageModel:
        """Return a copy of a generator of images whose normalisations, if any, are settled."""
        finished = deepcopy(network).eval()
        if not any(isinstance(module, nn.BatchNorm2d) for module in finished.modules()):
            return finished
        n_images = images_at_once(finished.image_size, SETTLING_IMAGES)
        random = seeded(derived_seed(self.seed, "normalisation"), self.device)
        settle_normalisations(finished, finished.draw(n_images, random))
        return finished

    def _finished(self, network: Generator, n_volumes: int) -> Generator:
        """Return a calibrated copy of a generator (`matvir.training.calibration`)."""
        finished = deepcopy(network)
        settle_normalisations(finished, self._draw_as_in_training(finished, n_volumes))
        if self.config.match_fractions:
            latents = self._draw(finished, "fractions", n_volumes)
            match = match_fractions if finished.kind == "phases" else match_means
            match(finished, latents, self.fractions)
        return finished

    def _draw(self, network: Generator, stream: str, n_volumes: int) -> Latents:
        """Return latents of training volumes that are the same at each call."""
        random = seeded(derived_seed(self.seed, stream), self.device)
        return network.draw(n_volumes, (self.config.latent_size,) * 3, random)

    def _draw_as_in_training(self, network: Generator, n_volumes: int) -> Latents:
        """Return latents that normalisations are settled with, a conditional one's of its range."""
        if not network.conditional:
            return self._draw(network, "normalisation", n_volumes)
        random = seeded(derived_seed(self.seed, "normalisation"), self.device)
        own, spread = network.own_fractions, float(network.fraction_range)
        fractions = draw_fractions(own, spread, n_volumes, random)
        return network.draw(n_volumes, (self.config.latent_size,) * 3, random, fractions)


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
    with team_of(processes, device, _take_part, arguments) as team:
        trainer = _prepared(**arguments, device=device, team=team)
        _lead(trainer, state, title)
    return trainer


def _prepared(
    model: ModelConfig,
    data: TrainingData,
    *,
    seed: int,
    device: torch.device,
    state: Path,
    held_out: TrainingData | None,
    team: Team,
) -> Trainer:
    """Return a training at its start, or where its checkpoint is."""

    def build() -> Trainer:
        return Trainer(model, data, seed=seed, device=device, held_out=held_out, team=team)

    trainer = build()
    if not trainer.resume(state) and model.training.budget is not None:
        # The twin is not kept: its memory is free again when the training starts.
        trainer.n_steps = steps_within(model.training.budget, build())
        logger.info("%s has room for %d steps", model.training.budget, trainer.n_steps)
    return trainer


def _take_part(*, team: Team, state: Path, **arguments: Any) -> None:
    """Train as one of the processes that do not lead."""
    try:
        trainer = _prepared(team=team, state=state, **arguments)
        with Interruption() as interruption:
            trainer.run(state, lambda row: None, interruption)
    except (ConfigError, TrainingInterrupted, TrainingDiverged):
        return  # the leader says so


def _lead(trainer: Trainer, state: Path, title: str) -> None:
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
