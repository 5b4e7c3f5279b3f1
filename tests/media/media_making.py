"""Files for the tests of the readers, and what they hold, decoded by hand from the start."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation

CASES = Path(__file__).resolve().parents[1] / "cases"
EXACT = (
    Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
)  # fmt: skip
# What each of EXIF's orientations asks for (EXIF 2.3, table 6), in numpy's words.
TURNS = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: np.rot90,
}


def scene(count: int, size: tuple[int, int] = (96, 64)) -> list[np.ndarray]:
    """``count`` frames that all differ, (H, W, 3)."""
    blocks = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    width, height = size
    return [
        np.ascontiguousarray(blocks[i % 120 : i % 120 + height, 2 * i % 120 : 2 * i % 120 + width])
        for i in range(count)
    ]


def write(
    path, codec="libx264", frames=None, pix="yuv420p", options=None, gop=12, time=lambda i: i, **stream
):
    """Code ``frames`` (RGB or RGBA) into ``path``; frame i is shown at ``time(i)`` in 25ths of a second."""
    frames = scene(30) if frames is None else frames
    container_options = {"movflags": "frag_keyframe+empty_moov"} if "fragmented" in Path(path).name else {}
    with av.open(str(path), "w", options=container_options) as container:
        out = container.add_stream(codec, rate=25, options=options or {})
        out.height, out.width = frames[0].shape[:2]
        out.pix_fmt, out.codec_context.gop_size = pix, gop
        out.codec_context.time_base = Fraction(1, 25)
        out.metadata.update(stream.pop("metadata", {}))
        for name, value in stream.items():
            setattr(out.codec_context, name, value)
        for i, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24" if pixels.shape[2] == 3 else "rgba")
            frame.pts, frame.time_base = time(i), Fraction(1, 25)
            container.mux(out.encode(frame.reformat(format=pix) if pixels.shape[2] == 4 else frame))
        container.mux(out.encode(None))
    return Path(path)


def by_hand(path, matrix="ITU601", stream=0) -> np.ndarray:
    """All frames as they come out of the decoder from the start, (T, H, W, 3), not turned."""
    with av.open(f"file:{path}") as container:
        container.streams.video[stream].codec_context.thread_count = 1
        return np.stack(
            [
                frame.reformat(
                    format="rgb24",
                    src_colorspace=matrix,
                    dst_color_range="JPEG",
                    interpolation=EXACT,
                    threads=1,
                ).to_ndarray()
                for frame in container.decode(video=stream)
            ]
        )


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """Mean difference in grey levels."""
    return float(np.abs(a.astype(float) - b).mean())
