"""``mvlib encode``: picture → real encoder → what it cost, as JSON."""

import json
from pathlib import Path


def encode(
    file: Path,
    codec: str = "x265",
    qp: int = 37,
    preset: str = "medium",
    gop: str = "stock",
    decoded: Path | None = None,
) -> None:
    """Code one picture with a real encoder and say what it cost.

    Args:
        file: the picture to code, anything that Pillow reads.
        codec: x264, x265, svtav1, vp9, mjpeg, jpeg, webp or avif.
        qp: quantisation parameter on the H.264/HEVC scale, 0..51; other codecs map it to their own.
        preset: the encoder's preset.
        gop: stock, ippp or intra.
        decoded: write the decoded picture here, as PNG.
    """
    import numpy as np
    from PIL import Image

    from mvlib._files import replace_when_done
    from mvlib.codecs import RealCodec

    try:
        with Image.open(file) as opened:
            picture = np.asarray(opened.convert("RGB"))
    except OSError as error:
        raise ValueError(f"{file} cannot be read as a picture: {error}") from None
    coded = RealCodec(codec, preset=preset, gop=gop)(picture[None], qp=qp)
    mse = np.mean((coded.frames[0].astype(np.float64) - picture) ** 2)
    if decoded is not None:
        with replace_when_done(decoded) as temporary:
            Image.fromarray(coded.frames[0]).save(temporary, format="PNG")
    height, width = picture.shape[:2]
    result = {
        "file": str(file),
        "codec": codec,
        "qp": qp,
        "native": coded.native,
        "size": [width, height],
        "bits": coded.bits,
        "bpp": round(coded.bits / (height * width), 4),
        "psnr-rgb": round(float(10 * np.log10(255**2 / mse)), 2) if mse else None,
    }
    print(json.dumps(result, indent=1))
