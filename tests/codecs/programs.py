"""Small programs for the tests of encoders by command line, each a real one: they read and write files."""

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image


def webp(quality, source, target):
    """A still encoder around Pillow."""
    Image.open(source).save(target, format="WEBP", quality=int(quality))


def png(source, target, bits="8"):
    """A still decoder around Pillow; 16 bits a sample are not in Pillow's power, but in FFmpeg's."""
    if bits == "8":
        Image.open(source).convert("RGB").save(target, format="PNG")
        return
    frame = av.VideoFrame.from_ndarray(np.asarray(Image.open(source).convert("RGB")), format="rgb24")
    context = av.CodecContext.create("png", "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, "rgb48be"
    context.time_base = Fraction(1)
    Path(target).write_bytes(
        b"".join(map(bytes, context.encode(frame.reformat(format="rgb48be")) + context.encode(None)))
    )


def decode(source, target, pixel_format):
    """A video decoder around FFmpeg that writes raw planes."""
    with av.open(source) as container, open(target, "wb") as file:
        for frame in container.decode(video=0):
            for plane in frame.reformat(format=pixel_format).planes:
                sample = 2 if "10" in pixel_format else 1
                rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                file.write(rows[:, : plane.width * sample].tobytes())


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
