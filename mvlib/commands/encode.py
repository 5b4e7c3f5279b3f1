"""``mvlib encode``: picture or clip → preprocessor if asked for → real encoder → what it cost, as JSON."""

import json
import logging
from pathlib import Path
from typing import Any

from mvlib._interruption import stopping
from mvlib.errors import InputError

log = logging.getLogger("mvlib.commands")


@stopping("stopped; nothing is written of what wasn't finished")
def encode(
    file: Path,
    codec: str = "x265",
    qp: int = 37,
    preset: str = "medium",
    gop: str = "stock",
    preprocessor: str | None = None,
    prepared: Path | None = None,
    decoded: Path | None = None,
    frames: int = 64,
) -> None:
    """Code a picture or a clip with a real encoder, with and without a trained preprocessor, and say what it cost.

    Args:
        file: a picture that Pillow reads, or a clip or animation; read as a viewer shows it, upright, sRGB, over white.
        codec: x264, x265, svtav1, vp9, mjpeg, jpeg, webp or avif.
        qp: quantisation parameter on the H.264/HEVC scale, 0..51; other codecs map it to their own.
        preset: the encoder's preset.
        gop: stock, ippp or intra.
        preprocessor: name of a trained one (image, machines, video, zhao, filter), the path of its weights, your own as
            "module:Class", or gradient steps on a picture or clip, as refined:x265:efficientnet_lite0:2. One of
            pictures treats a clip frame by frame; one of video takes clips alone.
        prepared: write what the preprocessor gives the encoder here: a picture as .png, a clip as lossless .mkv.
        decoded: write what comes back from the decoder here (with a preprocessor: of what it prepared), likewise.
        frames: of a clip, the first so many; 0 takes them all.
    """
    from mvlib.codecs import RealCodec
    from mvlib.commands.media import check_outputs, check_writable, read_media, write_media

    if prepared is not None and preprocessor is None:
        raise InputError(f"{prepared} would hold what a preprocessor made of {file}; give --preprocessor too")
    if frames < 0:
        raise InputError(f"frames is {frames}; give how many of a clip, or 0 for all")
    outputs = [out for out in (prepared, decoded) if out is not None]
    check_outputs(file, outputs)
    real, media = RealCodec(codec, preset=preset, gop=gop), read_media(file, frames or None)
    for out in outputs:
        check_writable(out, media)
    for note in media.notes:
        log.warning("%s: %s", file, note)
    given = media.frames if preprocessor is None else _prepare(preprocessor, media, qp, file)
    if prepared is not None:
        write_media(prepared, given, media)
    coded = real(media.frames, qp=qp)
    count, height, width = media.frames.shape[:3]
    result = {"file": str(file), "codec": codec, "qp": qp, "native": coded.native, "size": [width, height]}
    result |= ({"frames": count} if media.is_clip else {}) | _cost(coded, media.frames)
    result |= {"notes": list(media.notes)} if media.notes else {}
    if preprocessor is not None:
        plain, coded = coded.bits, real(given, qp=qp)
        saved = {"bits at equal QP, percent": round(100 * (coded.bits / plain - 1), 2)}
        result["preprocessed"] = {"by": preprocessor} | _cost(coded, media.frames) | saved
    if decoded is not None:
        write_media(decoded, coded.frames, media)
    print(json.dumps(result, indent=1))


def _prepare(preprocessor: str, media: Any, qp: int, file: Path) -> Any:
    """What the encoder would be given: uint8 frames as ``media`` has them."""
    from mvlib.preprocess import VideoPreprocessor, available_preprocessors, preprocess_frames
    from mvlib.refined import load_preprocessor

    network = load_preprocessor(preprocessor)
    if not media.is_clip and isinstance(network, VideoPreprocessor) and not network.takes_pictures:
        loaded = {name: load_preprocessor(name) for name in available_preprocessors()}
        others = [name for name, other in loaded.items() if not isinstance(other, VideoPreprocessor)]
        raise InputError(
            f"preprocessor {preprocessor} is a {type(network).__name__}, of clips, and {file} is a picture; "
            f"choose one of pictures: {', '.join(others)}"
        )
    return preprocess_frames(network, media.frames, qp)


def _cost(coded: Any, clean: Any) -> dict[str, Any]:
    """Bits, and the error against the untouched frames; a clip frame by frame, for its squares take much room."""
    import numpy as np

    from mvlib._psnr import psnr_of

    squares = [np.mean((a.astype(np.float32) - b) ** 2) for a, b in zip(coded.frames, clean, strict=True)]
    mse = np.mean(squares)
    return {
        "bits": coded.bits,
        "bpp": round(coded.bpp, 4),
        "psnr-rgb": round(psnr_of(mse), 2) if mse else None,
    }
