"""What a training minimises: pictures or clips → virtual codec → analysers → first-order BD-rate, in shares of 1."""

from collections.abc import Callable

from torch import Tensor, nn

from mvlib import analysers as machines
from mvlib._precision import computing_in
from mvlib.analysers import Analyser, available
from mvlib.analysers.actions import ACTION_NETWORKS
from mvlib.analysers.detectors import DETECTOR_NAMES
from mvlib.codecs import RealCodec
from mvlib.errors import InputError
from mvlib.virtual.codec import VirtualCodec

from .ahead import Ahead
from .experiment import TASKS, Training, VideoTraining
from .slope import Slope, anchor_command, anchor_path, curve_of


class Objective(nn.Module):
    """First-order BD-rate of a batch: (bpp + slope x KL, averaged over analysers) / bpp of the codec alone."""

    def __init__(self, training: Training):
        super().__init__()
        self.training = training
        clips = isinstance(training, VideoTraining)
        # No ModuleDict: a name such as "timm/resnet50.a1_in1k" has a dot.
        asked = training.analysers if training.task in TASKS else ()
        self.analysers = {name: load_asked(name, clips) for name in asked}
        self.machines = nn.ModuleList(self.analysers.values())
        self.codecs = {
            name: VirtualCodec.like(name, training.gop, training.fitted_rate) for name in training.codecs
        }
        kind, measured = "image", {"gop": training.gop}
        if clips:  # the I frame weighs the more, the shorter the clip
            kind, measured = "video", measured | {"size": training.size, "frames": training.frames}
        anchor = training.anchor or anchor_path(kind, training.task)
        curve = curve_of(training.task)
        self.slopes = {
            (c, a): Slope.read(anchor, c, a, kind, curve, anchor_command(training), **measured)
            for c in training.codecs
            for a in training.analysers
        }
        self.real = {}
        if training.route == "real_forward":
            self.real = {name: RealCodec(name, gop=training.gop) for name in training.codecs}

    def forward(
        self, x: Tensor, y: Tensor, qp: Tensor, codec: str, view: Callable[[Tensor], Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Loss and its parts, means over the batch.

        Args:
            x, y: clean and preprocessed, pictures (B, 3, H, W) or clips (B, T, 3, H, W), in [0, 1].
            qp: (B,).  codec: which one codes.
            view: what of the clean and the decoded pictures the analysers look at, as a crop; None is all.
        Returns:
            bpp counts the pixels of every frame.
        """
        t, clips = self.training, x.ndim == 5
        coded = self.code(y if clips else y[:, None], qp, codec)
        decoded = coded.frames if clips else coded.frames[:, 0]
        bpp = coded.bits / (x[0].numel() / 3)
        parts, task = {"bpp": bpp.mean()}, 0.0
        shown = (x, decoded) if view is None else (view(x), view(decoded))
        for name, analyser in self.analysers.items():
            with computing_in(t.precision, x.device):
                lost = lost_to(analyser, *shown, t.task)
            task = task + self.slopes[codec, name](qp) * lost / len(self.analysers)
            parts[f"lost {name}"] = lost.mean()
        error = (y - x).square().flatten(1).mean(1) * 255**2
        anchor = self.slopes[codec, t.analysers[0]].bpp(qp)
        loss = (bpp + t.slope_scale * task + t.fidelity * error / 100) / anchor
        return {"loss": loss.mean(), "rate": (bpp / anchor).mean(), "error": error.mean(), **parts}

    def code(self, clip: Tensor, qp: Tensor, codec: str):
        """The ``VirtualOut`` of clips (B, T, 3, H, W) at qp (B,), by the training's route."""
        through = {"through": self.training.through} if clip.shape[1] > 1 else {}
        real = Ahead(self.real[codec], clip, qp) if codec in self.real else None
        return self.codecs[codec](clip, qp, route=self.training.rounding, real=real, **through)


def load_asked(name: str, clips: bool) -> Analyser:
    """The analyser ``name``, if its prediction is one that a training on pictures, or ``clips``, can keep.

    Raises ValueError that lists those that can be asked; else as ``analysers.load``.
    """
    analyser = machines.load(name)
    if analyser.differentiable and (clips or not analyser.takes_clips):
        return analyser
    can = [*available(), *DETECTOR_NAMES, "a classifier of torchvision/… or timm/…"]
    if clips:
        can += [*ACTION_NETWORKS, "torchvision/r3d_18 and its likes"]
    raise InputError(
        f"{name} is a {type(analyser).__name__}, which a training on {'clips' if clips else 'pictures'} cannot ask; "
        f"choose among {', '.join(can)}"
    )


def lost_to(analyser: Analyser, clean: Tensor, decoded: Tensor, task: str = "output") -> Tensor:
    """What coding took from an analyser's clean prediction, (B,) in nats; differentiable in ``decoded``.

    Of clips, a machine for pictures sees every frame, and the mean over frames counts. With ``task`` "features" it is
    the distance of late maps in shares of their size instead.
    """
    return analyser.task_loss(clean, decoded, task)
