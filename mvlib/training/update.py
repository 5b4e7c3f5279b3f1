"""Training of a refinement's learned rule: guides' gradients → unrolled steps → codec → other analysers → weights.

One pass more than the steps to be taken: its gradient at the refined picture goes through the corrections of all steps
to the weights of the rule. Gradients that the rule is given are inputs, and are not differentiated.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mvlib._processes import seed_of
from mvlib.errors import InputError
from mvlib.preprocess import (
    LearnedUpdate,
    Refinement,
    RefinementConfig,
    UpdateConfig,
    load_preprocessor,
    load_update,
    save_update,
)
from mvlib.preprocess.build import with_options

from .experiment import UpdateTraining
from .guides import load_guide
from .loop import Trainer
from .network import with_trunk
from .objective import Objective


class UpdateTrainer(Trainer):
    """As ``Trainer``, whose model is the rule of a refinement.

    Args:
        training: what is trained.
    """

    training: UpdateTraining

    def __init__(self, training: UpdateTraining, folder: Path, **parts: Any) -> None:
        objective: Objective = parts.pop("objective", None) or Objective(training)
        super().__init__(training, folder, model=starting_rule(training), objective=objective, **parts)
        self.refinement = refinement_of(training, objective, self.replica).to(self.device)
        self.refinement.training = True  # not what it holds: guides stay in eval mode

    def preprocessed(self, x: Tensor, qp: Tensor) -> Tensor:
        """Pictures (B, 3, H, W), refined by the rule as it is; its weights have a gradient."""
        generator = torch.Generator().manual_seed(seed_of(self.training.seed, self.step, 1))
        clip = x[:, None]
        change = self.refinement.change(clip, clip[:, :0], clip[:, :0], qp, generator)
        return (clip + change).clamp(0, 1)[:, 0]


def starting_rule(training: UpdateTraining) -> LearnedUpdate:
    """The rule that changes nothing, or the one of ``training.start``."""
    if training.start is not None:
        rule = load_update(training.start)
        if rule.config != UpdateConfig(**training.network) and training.network:
            raise InputError(
                f"{training.start} has the options {rule.config}, not {training.network}: leave `network` out"
            )
        return rule.train()
    torch.manual_seed(training.seed)
    return with_options(LearnedUpdate, UpdateConfig, training.network).train()


def refinement_of(training: UpdateTraining, objective: Objective, rule: nn.Module | None) -> Refinement:
    """The refinement that ``training`` unrolls, on the guides alone; analysers that ``objective`` has are shared."""
    shared = {n: objective.analysers.get(n) or load_guide(n, clips=False) for n in training.guides}
    slopes = objective.slopes if shared.keys() <= objective.analysers.keys() else None
    options = replace(training, analysers=training.guides, rounding=RefinementConfig.rounding)
    guided = Objective(options, analysers=shared, slopes=slopes)
    config = RefinementConfig(
        analysers=training.guides,
        codecs=tuple(training.codecs),
        steps=training.unrolled,
        views=training.views,
        task=training.task,
        after=training.after,
        fitted_rate=training.fitted_rate,
    )
    after = with_trunk(load_preprocessor(training.after)) if training.after else None
    return Refinement(guided, None, config, rule, after)


def save_trained_update(trainer: UpdateTrainer, rule: LearnedUpdate, command: str) -> Path:
    """Write ``rule`` and its card into the folder of ``trainer``; the path of the weights."""
    t = trainer.training
    return save_update(
        rule,
        trainer.folder / "update.safetensors",
        command=command,
        data="photographs of data/photos.csv, split train" if t.dataset is None else t.dataset,
        seed=t.seed,
        steps=trainer.step,
        batch=t.batch,
        guides=list(t.guides),
        analysers=list(t.analysers),
        codecs=list(t.codecs),
        unrolled=t.unrolled,
        after=t.after,
        licence="Apache-2.0",
    )
