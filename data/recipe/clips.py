"""Make clips and films: clips.toml → frames of the source → scaled down in RGB → near-lossless H.264 and clips.csv.

The scaling filter is Pillow's Lanczos, whose support grows with the factor, so nothing aliases. What is stored is
yuv420p, BT.709 in limited range and tagged so, with a constant quantiser of 8 (quantiser step 1.6 of 255).
"""

import hashlib
import io
import tomllib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import packages
from av.video.reformatter import Interpolation
from PIL import Image
from tqdm.auto import tqdm

from mvlib.codecs.colour import Converter

FRAMES = 48
QP = 8
FIELDS = [
    *("file", "split", "source_id", "kind", "what", "package", "version", "path", "first_frame", "factor"),
    *("author", "licence", "origin", "width", "height", "frames", "fps", "sha256"),
]
# libswscale's default rounding lowers every value by about one grey level.
_UP = (
    Interpolation.BILINEAR
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
)
_TOLD = ("split", "kind", "what", "package", "path", "factor", "author", "licence", "origin")
_MATRIX = {"601": "ITU601", "709": "ITU709"}


def build(out: Path, work: Path) -> list[dict]:
    """Write ``out/clips`` and return the rows of its manifest, in the order of the file names."""
    return excerpts("clips", FRAMES, out, work)


def excerpts(kind: str, length: int, out: Path, work: Path) -> list[dict]:
    """Write ``out/kind``, excerpts of ``length`` frames as kind.toml says, and return the rows of its manifest."""
    sources = tomllib.loads(Path(__file__).with_name(f"{kind}.toml").read_text(encoding="utf-8"))
    (out / kind).mkdir(parents=True, exist_ok=True)
    rows = []
    for name, source in tqdm(sources.items(), desc=kind, disable=None):
        frames, fps = read_frames(source, work)
        for k, start in enumerate(source["starts"]):
            if start + length > len(frames):
                raise ValueError(
                    f"{name}: an excerpt from frame {start} needs {length}, the file ends at {len(frames)}"
                )
            chosen, file = np.stack(frames[start : start + length]), f"{kind}/{name}_{k}.mp4"
            data = encode(chosen, fps)
            (out / file).write_bytes(data)
            rows.append(_row(file, name, source, start, data, chosen.shape, fps))
    return sorted(rows, key=lambda row: row["file"])


def read_frames(source: dict, work: Path) -> tuple[list[np.ndarray], float]:
    """Decode a source and scale every frame down: uint8 (H, W, 3) RGB with even sides, and frames a second."""
    package, path = source["package"], source["path"]
    if "*" in path:
        files = sorted(packages.fetch(package, work).glob(path))
        frames, fps = (np.asarray(Image.open(file).convert("RGB")) for file in files), source["fps"]
    else:
        blob = packages.read(package, path, work)
        with av.open(io.BytesIO(blob)) as container:
            fps = float(container.streams.video[0].average_rate)
        frames = _decoded(blob, source["matrix"])
    return [_shrink(rgb, source["factor"]) for rgb in frames], fps


def _decoded(blob: bytes, matrix: str) -> Iterator[np.ndarray]:
    with av.open(io.BytesIO(blob)) as container:
        for frame in container.decode(video=0):
            yield frame.reformat(
                format="rgb24", src_colorspace=_MATRIX[matrix], src_color_range="MPEG",
                dst_color_range="JPEG", interpolation=_UP, threads=1,
            ).to_ndarray()  # fmt: skip


def _shrink(rgb: np.ndarray, factor: float) -> np.ndarray:
    height, width = (2 * round(side / factor / 2) for side in rgb.shape[:2])
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.LANCZOS))


def encode(frames: np.ndarray, fps: float) -> bytes:
    """Encode (T, H, W, 3) uint8 near-losslessly; one thread and bit-exact flags, so that bytes repeat."""
    buffer, colour = io.BytesIO(), Converter("bt709")
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=round(fps))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"qp": str(QP), "preset": "veryslow", "threads": "1", "flags": "+bitexact"}
        stream.codec_context.colorspace = 1  # BT.709
        stream.codec_context.color_range = 1  # limited
        for k, rgb in enumerate(frames):
            frame = colour.to_yuv(rgb)
            frame.pts = k
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _row(file: str, name: str, source: dict, start: int, data: bytes, shape: tuple, fps: float) -> dict:
    told = {k: source[k] for k in _TOLD}
    return told | {
        "file": file, "source_id": name, "version": packages.VERSIONS[source["package"]], "first_frame": start,
        "width": shape[2], "height": shape[1], "frames": shape[0], "fps": round(fps),
        "sha256": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip
