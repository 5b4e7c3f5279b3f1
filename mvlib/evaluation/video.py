"""The protocol for clips: clips × conditions × codecs × QPs → real encoders → machines that watch → numbers per clip.

It is the protocol for pictures (``image.py``) on other samples with other eyes: finished cells are kept, and the next
is encoded while the analysers look at one.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from .cells import CellStore
from .experiment import VideoExperiment
from .image import ImageProtocol, Measurements
from .material import Material
from .video_looking import ClipLook, clip_scores_of
from .video_material import load_clips


class VideoProtocol(ImageProtocol):
    """An experiment on clips as cells that are independent of one another; see ``ImageProtocol``."""

    cell_size = 32  # at most: of large clips a cell has fewer
    load_material, scores_of, look = staticmethod(load_clips), staticmethod(clip_scores_of), ClipLook

    @property
    def frames(self) -> int:
        """Frames in a clip, which an encoder's settings may depend on."""
        return self.experiment.frames


def measure_videos(
    experiment: VideoExperiment,
    progress: bool = True,
    *,
    cells: str | Path | None = None,
    analysers: Mapping[str, nn.Module] | None = None,
    material: Material | None = None,
) -> tuple[dict[tuple[str, str], Measurements], list[str]]:
    """Run the protocol.

    Args:
        cells: folder of finished work: what is found there isn't done again, what is finished goes there.
        analysers, material: in place of those that ``experiment`` names.
    Returns:
        measurements: {(codec, condition): Measurements}, and sources: the source of each of the N clips.
    """
    protocol = VideoProtocol(experiment, CellStore(cells), analysers, material)
    protocol.run_shared(progress)
    return protocol.gather(), protocol.sources
