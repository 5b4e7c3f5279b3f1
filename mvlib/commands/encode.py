"""``mvlib encode``: your picture or film → preprocessor, if any → real encoder → a file that plays."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mvlib._files import write_json
from mvlib._interruption import stopping
from mvlib.errors import InputError

if TYPE_CHECKING:
    import torch

    from mvlib.preprocess import Preprocessor
    from mvlib.transcode import Source

log = logging.getLogger("mvlib.commands")


@stopping("stopped; nothing is written of what wasn't finished")
def encode(
    file: Path,
    out: Path,
    codec: str | None = None,
    qp: float | None = None,
    crf: float | None = None,
    bitrate: str | None = None,
    preset: str = "medium",
    gop: str = "stock",
    options: str = "",
    preprocessor: str | None = None,
    prepared: Path | None = None,
    start: int = 0,
    frames: int | None = None,
    no_audio: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    threads: int = 1,
    analyser: str = "efficientnet_lite2",
    sample: int = 24,
    json: Path | None = None,
) -> None:
    """Code a picture or film with a real encoder, after a trained preprocessor if one is given: a file that plays.

    Sound, subtitles, chapters and the times of frames are kept. At the end a table says what it cost, and what an
    analyser still sees at equal bits, in a sample of frames.

    Args:
        file: a picture that Pillow reads, or a clip or animation; read as a viewer shows it, upright, sRGB, over white.
        out: what to write: .mp4 .mov .mkv .webm, a raw stream .264 .265 .ivf, or a still .jpg .webp .avif.
        codec: x264, x265, svtav1, vp9, mjpeg, jpeg, webp or avif; the usual one of such a file if not given.
        qp: quantisation parameter on the H.264/HEVC scale, 0..51, which other codecs map to their own; 37 if neither
            this nor crf nor bitrate is given.
        crf: in place of qp, constant quality on the encoder's own scale.
        bitrate: in place of qp, bits per second on average, as 800k or 2.5M.
        preset: the encoder's preset.
        gop: stock, ippp or intra.
        options: the encoder's own, as aq-mode=1:psy-rd=0.
        preprocessor: name of a trained one (contrast, image, machines, video, zhao, filter), the path of its weights,
            your own as "module:Class", or gradient steps on a picture or clip, as
            refined:x265:efficientnet_lite0:2:after=contrast. One of pictures treats a clip frame by frame; one of video
            takes clips alone. With crf or bitrate it is given the QP that the encoder chooses, found in a sample that
            is coded twice beforehand; with bitrate, the running mean.
        prepared: write what the preprocessor gives the encoder here too: a picture as .png, a clip as lossless .mkv.
        start: number of the first frame that is taken.
        frames: how many are taken; all if not given.
        no_audio: leave the sound out.
        overwrite: replace files that are there.
        device: where networks work: cpu, cuda, cuda:1; auto takes a GPU if there is one.
        threads: of the encoder; 0 takes all cores. With 1 a stream at a qp is byte for byte the one that the course
            measures, but for the rate in its headers and the text that encoders write about themselves.
        analyser: who looks at the sample: a classifier or detector.
        sample: about how many frames are measured for the table; 0: none.
        json: write all numbers here.
    """
    from mvlib import transcode
    from mvlib.analysers import load as load_analyser
    from mvlib.codecs import RealCodec
    from mvlib.pool import cores

    wish, source = transcode.Wish(qp, crf, bitrate), transcode.Source(file, start, frames)
    form, codec = transcode.choose(out, codec, source.is_clip and frames != 1)
    transcode.check_outputs(file, [path for path in (out, prepared, json) if path is not None], overwrite)
    real = RealCodec(codec, preset=preset, gop=gop, options=_options(options))
    where = _device(device)
    network = None if preprocessor is None else _network(preprocessor, source, where)
    looks = load_analyser(analyser).to(where) if sample else None
    if looks is not None:
        transcode.scores_of(looks)
    job = transcode.Job(source, out, form, real, wish, network, prepared, not no_audio, threads or cores())
    measured = transcode.Measured(source, real, wish) if wish.is_free and (network or looks) else None
    qp_for = measured.next_qp if measured else lambda recent, count: wish.qp or 0.0
    written = transcode.write(job, qp_for, progress=True)
    for note in written.notes:
        log.warning("%s: %s", file, note)
    chosen = wish.qp
    if measured and written.quantiser is not None:
        chosen = measured.qp_of(written.quantiser)
    sampled = None
    if looks and chosen is not None:
        sampled = transcode.measure(source, written.frames, real, chosen, network, looks, sample)
    summary = transcode.Summary(job, written, chosen, measured, sampled, preprocessor)
    if json is not None:
        write_json(json, summary.numbers())
    print(summary.table())


def _options(text: str) -> dict[str, object]:
    """Options of an encoder, from "key=value:key=value"."""
    found: dict[str, object] = {}
    for part in filter(None, text.split(":")):
        key, equals, value = part.partition("=")
        if not (key and equals and value):
            raise InputError(
                f"options are {text!r}; give key=value, several joined by a colon: aq-mode=1:psy-rd=0"
            )
        number = int(value) if value.lstrip("-").isdecimal() else value
        found[key] = value == "true" if value in ("true", "false") else number
    return found


def _device(name: str) -> "torch.device":
    """Where networks work; raises ``InputError`` for a GPU that is not there."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = str(error).splitlines()[0]
        raise InputError(f"--device {name} cannot be used here ({why}); give cpu, or leave it out") from None
    return torch.device(name)


def _network(name: str, source: "Source", device: "torch.device") -> "Preprocessor":
    """The preprocessor ``name``; raises ``InputError`` where it is of clips and ``source`` is a picture."""
    from mvlib.preprocess import VideoPreprocessor, available_preprocessors
    from mvlib.refined import load_preprocessor

    network = load_preprocessor(name, device)
    if not source.is_clip and isinstance(network, VideoPreprocessor) and not network.takes_pictures:
        raise InputError(
            f"preprocessor {name} is a {type(network).__name__}, of clips, and {source.file} is a picture; "
            f"choose one of pictures: {', '.join(available_preprocessors('picture'))}"
        )
    return network
