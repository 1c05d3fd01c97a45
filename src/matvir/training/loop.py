"""The training loop: steps, averages, history and checkpoints; no loss and no data of its own."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from matvir.device import allow_tf32
from matvir.errors import InputError, MatvirError
from matvir.families import OBJECTIVES
from matvir.micrograph.encoding import TrainingData
from matvir.models import Network, build_network
from matvir.settings.build import to_dict
from matvir.settings.model_rules import require_sound
from matvir.settings.models import DecayConfig, ModelConfig
from matvir.training import checkpoint
from matvir.training.density import aimed_fractions
from matvir.training.ema import averaged_copy, update_average
from matvir.training.history import best_row, exhausted
from matvir.training.interruption import Interruption
from matvir.training.objective import Moment, build_objective
from matvir.training.process_group import SINGLE, ProcessGroup, share_normalisations
from matvir.training.seeding import derived_seed, seeded
from matvir.training.selection import Errors, Validation

logger = logging.getLogger(__name__)

# Longest time between two checkpoints, if steps are slow.
CHECKPOINT_SECONDS = 600.0


class TrainingDiverged(MatvirError, ArithmeticError):
    """A loss is no longer finite."""


class TrainingInterrupted(MatvirError):
    """A signal asked the training to end; its state is saved."""


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
    group : ProcessGroup
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
        group: ProcessGroup = SINGLE,
    ) -> None:
        require_sound(model)
        self.config, self.group = model.training, group
        self.seed, self.device = seed, device
        self.settings = {
            "revision": OBJECTIVES[model.training.objective.kind].revision,
            "seed": seed,
            "model": to_dict(model),
            "data": data.fingerprint(),
            "held_out": None if held_out is None else held_out.fingerprint(),
        }
        self.aims = aimed_fractions(self.config.density_control, data)
        weights = seeded(derived_seed(seed, "initialisation"))
        self.generator = self._first_generator(model, data, weights)
        self.average = averaged_copy(self.generator)
        self.best = averaged_copy(self.generator)
        self.validation = self._build_validation(data, held_out)
        # Only now: the copies above are used by each process by itself.
        share_normalisations(self.generator, group)
        self.objective = build_objective(model, self.generator, data, device, weights, group)
        self._first_rates = {
            name: optimiser.param_groups[0]["lr"]
            for name, optimiser in self.objective.optimisers.items()
        }
        self.step, self.n_steps = 0, self.config.steps
        self.history: list[dict[str, Any]] = []

    def _first_generator(
        self, model: ModelConfig, data: TrainingData, weights: torch.Generator
    ) -> Network:
        """Return the network as it is before the first step, where it is to be trained."""
        generator = build_network(model.kind, model.network, data.n_phases, data.kind)
        generator.initialise(weights)
        if self.config.warm_start is not None:
            trained = checkpoint.load_generator(Path(self.config.warm_start))
            generator.start_from(trained.network, self.config.warm_start)
            self.settings["warm_start"] = trained.provenance
        generator.prepare(self.config, data.volume_fractions(), self.aims)
        layout = generator.memory_format
        return generator.to(self.device).to(memory_format=layout)  # type: ignore[call-overload]

    def _build_validation(
        self, data: TrainingData, held_out: TrainingData | None
    ) -> Validation | None:
        if self.config.selection is None:
            return None
        parts = [data] if held_out is None else [data, held_out]
        size = self.generator.output_size(self.config.latent_size)
        return Validation(self.config.selection, parts, size, self.device)

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
        """Write all that the next step depends on, atomically; only the main process does."""
        if not self.group.is_main:
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

    @allow_tf32()
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
            losses, made = self.objective.step(self._moment(self.step / self.n_steps))
            update_average(self.average, self.generator, self.config.ema_decay, self.step)
            self.step += 1
            validate = self._validation_due()
            if validate or self._due(self.config.log_every):
                row = self._row(losses, made, state)
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
        if not self.group.any(mine is not None, self.device):
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
        row |= asdict(Errors(*self.group.broadcast(astuple(errors), self.device)))
        if best_row([*self.history, row]) is row:
            self.best.load_state_dict(self.average.state_dict())

    @allow_tf32()
    @torch.no_grad()
    def validate(self) -> Errors | None:
        """Measure the averaged generator as it would be finished; None without a selection."""
        if self.validation is None or self.config.selection is None:
            return None
        finished = self.average.finished(self.config, self.aims, self._random, quick=True)
        n_volumes, random = self.config.selection.volumes, self._random("selection")
        return self.validation(
            finished, finished.sample(n_volumes, self.config.latent_size, random)
        )

    @property
    def kept_step(self) -> int:
        """Step whose generator is the result: of the best validation, without any the last one."""
        best = best_row(self.history)
        return self.step if best is None else int(best["step"])

    def _exhausted(self) -> bool:
        selection = self.config.selection
        return selection is not None and exhausted(self.history, selection.patience)

    @allow_tf32()
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

    def _row(self, losses: dict[str, Tensor], made: Tensor, state: Path) -> dict[str, Any]:
        self._require_finite(losses, state)
        row = {"step": self.step, **{name: value.item() for name, value in losses.items()}}
        return row | self.generator.summary(made)

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
        return kept.finished(self.config, self.aims, self._random)

    def _random(self, stream: str) -> torch.Generator:
        """Return the random numbers of a purpose, the same at each call."""
        return seeded(derived_seed(self.seed, stream), self.device)
