"""The worth in bits of a nat of task loss: measured curve of the codec alone → slope d(bpp)/d(KL) per QP.

Minimising rate + slope x task moves a preprocessor along the codec's own trade. Were the task weighed less, the
cheapest thing to learn would be to imitate a higher QP; more, to do nothing.

To first order, BD-rate is a change of log-rate at equal quality, and so ::

    d(BD-rate) = (d(bpp) + slope x d(KL)) / bpp,

which makes the loss below an estimate of the BD-rate itself: -0.1 is ten percent of the bits saved.
"""

import json
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mvlib._numbers import is_number
from mvlib._packaged import finite, packaged, reading
from mvlib.errors import InputError, InputTypeError, MissingFile

from .experiment import TASKS, Training, VideoTraining

# Pictures or clips of a public data set that make a smooth curve: means over fewer may not rise with QP.
LIMIT = {"image": 500, "video": 96}
QPS = {"image": (22, 27, 32, 37, 42, 47), "video": (25, 30, 35, 40, 45, 50)}


def anchor_path(kind: str, task: str) -> Path:
    """Where the measured curves of the codec alone lie that come with the package.

    Args:
        kind: "image" or "video".  task: "output" or "features".
    """
    parts = ["anchor", *(["video"] if kind == "video" else []), *(["features"] if task == "features" else [])]
    return packaged("training", "anchors", f"{'_'.join(parts)}_train.json")


def curve_of(task: str) -> str:
    """The curve that a training's rate is read against: that of its task, or without analysers the less noisy one."""
    return task if task in TASKS else "features"


def anchor_command(training: Training) -> str:
    """What to type to measure all that ``training`` needs to know of its codecs."""
    kind = "video" if isinstance(training, VideoTraining) else "image"
    options: dict[str, Any] = {"gop": training.gop}
    if training.dataset is not None:
        options |= {"dataset": training.dataset, "root": training.root, "reader": json.dumps(training.reader)}
    if kind == "video" or training.dataset is not None:
        options |= {"size": training.size, "limit": LIMIT[kind]}
    if isinstance(training, VideoTraining):
        options["frames"] = training.frames
    qps: tuple[int, ...] = QPS[kind]
    while qps[0] > training.qp_low:
        qps = (max(0, qps[0] - 5), *qps)
    while qps[-1] < training.qp_high:
        qps = (*qps, min(51, qps[-1] + 5))
    options["qps"] = list(qps)
    path = training.anchor or Path("runs") / anchor_path(kind, training.task).name
    command = _command(path, training.codecs, training.analysers, kind, curve_of(training.task), **options)
    return command if training.anchor else f"{command}; then train with --anchor {path}"


def _command(
    path: Path, codecs: Sequence[str], analysers: Sequence[str], kind: str, task: str, **options: Any
) -> str:
    options = {"split": "train", "conditions": "[codec alone]", "qps": list(QPS[kind])} | options
    options |= {"codecs": f"[{','.join(codecs)}]", "analysers": f"[{','.join(analysers)}]"}
    options |= {"out": path} | ({"scores": "[features]"} if task == "features" else {})
    typed = (f"--{name} {shlex.quote(str(value))}" for name, value in options.items())
    return f"python -m mvlib evaluate {kind} {' '.join(typed)}"


class Slope:
    """The codec's own rate, task loss and slope at any QP, interpolated between measured points.

    Beyond them it is that of the outermost; a training there is refused (``check``).

    Args:
        qps, bpp, kl: (Q,) measured means at rising QP: bits per pixel falling, nats rising, both above 0.
    """

    def __init__(self, qps: Iterable[float], bpp: Iterable[float], kl: Iterable[float]) -> None:
        if wrong := [qp for qp in qps if not is_number(qp)]:
            raise InputTypeError(f"QPs hold {wrong[0]!r}, which is no number")
        qps, bpp, kl = finite(qps), finite(bpp), finite(kl)
        if len(qps) < 2:
            raise InputError(f"a slope needs at least two QPs; got {qps}")
        for name, values in (("bpp", bpp), ("KL", kl)):
            bad = [f"{value} at QP {qp:g}" for qp, value in zip(qps, values, strict=True) if not value > 0]
            if bad:
                raise InputError(
                    f"{name} must be above 0 for a slope; got {', '.join(bad)}: measure at higher QPs, or more pictures"
                )
        self.qps, self.log_bpp, self.log_kl = np.asarray(qps, float), np.log(bpp), np.log(kl)
        if not (np.diff(self.qps) > 0).all() or not (np.diff(self.log_bpp) < 0).all():
            raise InputError(f"QPs must rise and rates fall: {list(qps)}, {list(bpp)} bpp")
        if not (np.diff(self.log_kl) > 0).all():
            raise InputError(
                f"KL must rise with QP; got {list(kl)} nats at {list(qps)}: measure more pictures"
            )

    @classmethod
    def read(
        cls, path: Path, codec: str, analyser: str, kind: str = "image", task: str = "output",
        command: str | None = None, **measured: Any,
    ) -> "Slope":  # fmt: skip
        """From a result of ``python -m mvlib evaluate image`` (or ``video``: ``kind``) with the codec alone.

        Args:
            task: as in ``Training``: which column is the loss.
            command: what measures it, for the errors; None puts one together.
            measured: options that the result must have been measured with, such as gop="stock", frames=8.

        Raises FileNotFoundError or ValueError that say which command makes what is missing, or where the curves are
        those of other options.
        """
        command = command or _command(path, [codec], [analyser], kind, task, **{"gop": "intra"} | measured)
        if not Path(path).is_file():
            raise MissingFile(f"{path} does not exist; measure it by: {command}")
        with reading(path, f"measure it by: {command}"):
            report = json.loads(Path(path).read_text(encoding="utf-8"))
            its = {name: report.get("options", {}).get(name, value) for name, value in measured.items()}
            curves = [
                c["results"]
                for c in report["curves"]
                if (c["codec"], c["condition"]) == (codec, "codec alone")
            ]
            scores = ("features",) if task == "features" else ("kl", "divergence")
            found = [(r, r[f"{s}:{analyser}"]) for r in curves for s in scores if r.get(f"{s}:{analyser}")]
        if its != measured:
            raise InputError(f"{path} was measured with {its}, not {measured}; measure by: {command}")
        if not found:
            raise InputError(f"{path} holds no curve of {codec} with {analyser}; measure it by: {command}")
        with reading(path, f"measure it by: {command}"):
            results, lost = found[0]
            return cls(results["qp"], results["bpp"], lost)

    def check(self, low: float, high: float, command: str) -> None:
        """Raise ValueError unless all QPs ``low``..``high`` were measured; ``command`` measures them."""
        if not self.qps[0] <= low <= high <= self.qps[-1]:
            raise InputError(
                f"the codec alone was measured at QP {self.qps[0]:g}..{self.qps[-1]:g}, the training draws "
                f"qp_low..qp_high = {low}..{high}: choose them inside, or measure by: {command}"
            )

    def _at(self, qp: torch.Tensor, values: np.ndarray) -> torch.Tensor:
        inner = np.interp(qp.detach().cpu().numpy(), self.qps, values)
        return torch.as_tensor(inner, dtype=torch.float32, device=qp.device)

    def bpp(self, qp: torch.Tensor) -> torch.Tensor:
        """Mean rate of the codec alone at ``qp`` (B,), bits per pixel."""
        return self._at(qp, self.log_bpp).exp()

    def __call__(self, qp: torch.Tensor) -> torch.Tensor:
        """-d(bpp)/d(KL) at ``qp`` (B,): bits per pixel that the codec itself pays to win back one nat."""
        # Straight lines on log-log axes: d(bpp)/d(KL) = bpp / KL * d(log bpp) / d(log KL).
        d_bpp, d_kl = np.gradient(self.log_bpp, self.qps), np.gradient(self.log_kl, self.qps)
        elasticity = self._at(qp, -d_bpp / d_kl)
        return elasticity * (self._at(qp, self.log_bpp) - self._at(qp, self.log_kl)).exp()


def measured_slopes(training: Training, real: str = "") -> dict[tuple[str, str], Slope]:
    """What a unit of task loss is worth, by codec and analyser, from the measured curves that ``training`` names.

    real: the codec whose curves they are, if not those of the training's codecs.
    """
    kind = "image"
    measured: dict[str, Any] = {"gop": training.gop}
    if isinstance(training, VideoTraining):  # the I frame weighs the more, the shorter the clip
        kind, measured = "video", measured | {"size": training.size, "frames": training.frames}
    anchor, curve = training.anchor or anchor_path(kind, training.task), curve_of(training.task)
    return {
        (c, a): Slope.read(anchor, real or c, a, kind, curve, anchor_command(training), **measured)
        for c in training.codecs
        for a in training.analysers
    }
