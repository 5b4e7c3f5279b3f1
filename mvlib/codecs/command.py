"""An encoder by its command line: frames → file of planes or pictures → program → stream → decoder → frames.

Tried::

    x265 --input {yuv} --input-res {width}x{height} --fps {fps} --qp {qp} -o {stream}           # sides=(2, 64)
    x264 --input-res {width}x{height} --fps {fps} --qp {qp} -o {stream} {yuv}
    SvtAv1EncApp -i {y4m} --rc 0 --aq-mode 0 -q {qp} --lp 1 -b {stream}                         # sides=(2, 64)
    SvtAv1DecApp -i {stream} -o {decoded}

Untried here, from the programs' manuals (VVenC, VTM, HM, JM, BPG)::

    vvencapp -i {yuv} -s {width}x{height} -r {fps} -q {qp} --qpa 0 -t 1 -o {stream}
    vvdecapp -b {stream} -o {decoded}                                                           # depth=10
    EncoderAppStatic -c encoder_randomaccess_vtm.cfg -i {yuv} -wdt {width} -hgt {height} -fr {fps} -f {frames}
        --InputBitDepth=8 -q {qp} -b {stream}                                                   # sides=(8, 8)
    DecoderAppStatic -b {stream} -o {decoded} -d 8
    TAppEncoderStatic -c encoder_randomaccess_main.cfg -i {yuv} -wdt {width} -hgt {height} -fr {fps} -f {frames}
        --InputBitDepth=8 -q {qp} -b {stream}                                                   # sides=(8, 8)
    TAppDecoderStatic -b {stream} -o {decoded} -d 8
    lencod -d encoder.cfg -p InputFile={yuv} -p SourceWidth={width} -p SourceHeight={height} -p OutputWidth={width}
        -p OutputHeight={height} -p FramesToBeEncoded={frames} -p QPISlice={qp} -p QPPSlice={qp} -p QPBSlice={qp}
        -p OutputFile={stream}                                                                  # sides=(16, 16)
    ldecod -p InputFile={stream} -p OutputFile={decoded}
    bpgenc -q {qp} -f 420 -o {stream} {png}                                                     # a file each, as it is
    bpgdec -o {decoded} {stream}
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import av
import numpy as np

from mvlib._numbers import is_number
from mvlib.errors import CommandFailed, InputError, InputTypeError, choose

from . import program_files, video
from .base import Codec
from .coded import Coded, Stream
from .colour import pad_to, yuv420_to_rgb
from .program_files import SYNTAXES, Syntax, syntax_of
from .programs import Program, temporary_folder

_INPUTS = ("yuv", "y4m", "png")
_SIZES = ("width", "height", "frames", "fps")
Decoded = TypeVar("Decoded")


class CommandCodec(Codec):
    """An encoder that is a program of its own, and its decoder.

    Args:
        encode: its command line. ``{yuv}`` (raw planes), ``{y4m}`` or ``{png}`` is the file with the frames,
            ``{stream}`` the file that it must write, ``{qp}`` the encoder's own number; ``{width}``, ``{height}``,
            ``{frames}`` and ``{fps}`` (30) may be used. No shell: no pipes, no variables. It runs in a temporary
            folder; files that the command names, such as a configuration, are found from the current one. With
            ``{png}`` every frame is a run and a file of its own.
        decode: the decoder's command line with ``{stream}`` and ``{decoded}``: raw planes of ``depth`` bits or Y4M, a
            PNG where the encoder took one. None: FFmpeg's decoder, which has H.264, HEVC, VVC, AV1 and VP9.
        name: for tables; None is the program's name.
        syntax: of what is written: "h264", "hevc", "vvc" (Annex B), "av1" (IVF or OBUs), "vp9" (IVF), or "file": any
            file, counted as it is. None looks at the first bytes (with ``{png}``: "file").
        table: the encoder's numbers for qp 0..51, a sequence of 52 or a mapping; between them straight lines. None: a
            qp is the encoder's own number.
        qps: lowest and highest of the encoder's own numbers; None leaves it to the encoder.
        whole: the encoder's own numbers are whole.
        sides: (multiple, least) of width and height that the encoder takes; frames are padded by repeating the edge.
            None is (2, 2), for PNG (1, 1).
        depth: bits of the samples in raw files from ``decode``; above 8 each takes two bytes and is rounded to 8.
        suffix: ending of ``{stream}``'s name, for programs that choose by it what they write.
        timeout: seconds for one run of a program; None has no limit.

    The planes are those that :class:`RealCodec` codes: 8 bits, 4:2:0, BT.709, limited range, chroma in the middle;
    decoders' 10 bits are rounded to 8. PNG codecs convert by themselves. Bits are those of the elementary stream,
    without IVF headers, SEI, metadata and repeated parameter sets, and what is counted is what is decoded; of a "file"
    every byte counts. Where FFmpeg decodes, each frame's bits and type are known; an IVF file's frames have bits but
    type "?"; else all bits are the first frame's.

    Raises:
        ValueError: placeholders, syntax or numbers that do not fit; the message says what there is.
        FileNotFoundError: a program that is not there.
        CommandFailed: when called; a RuntimeError: a program failed, took too long, or wrote something else.

    Programs use all cores by themselves: with several workers tell them to use one. Streams are stored under the
    command, the program's bytes, what its ``--version`` says and the files named to it. ``mvlib/codecs/command.py``
    begins with the commands of many encoders.

    Example:
        >>> import numpy as np, mvlib
        >>> frames = np.full((2, 64, 64, 3), 128, np.uint8)
        >>> x265 = mvlib.CommandCodec(
        ...     "x265 --input {yuv} --input-res {width}x{height} --fps {fps} --qp {qp} --pools none -o {stream}",
        ...     name="x265-cli", syntax="hevc", qps=(0, 51), sides=(2, 64))
        >>> coded = x265(frames, qp=37)
        >>> coded.frames.shape, coded.bits == sum(coded.frame_bits)
        ((2, 64, 64, 3), True)
    """

    def __init__(
        self,
        encode: str | Sequence[str],
        decode: str | Sequence[str] | None = None,
        *,
        name: str | None = None,
        syntax: str | None = None,
        table: Sequence[float] | Mapping[float, float] | None = None,
        qps: tuple[float, float] | None = None,
        whole: bool = True,
        sides: tuple[int, int] | None = None,
        depth: int = 8,
        suffix: str | None = None,
        timeout: float | None = 3600.0,
    ):
        self._encoder = Program(encode, "encoder", ("stream", "qp"), (*_INPUTS, *_SIZES))
        used = [kind for kind in _INPUTS if kind in self._encoder.fields]
        if len(used) != 1:
            raise InputError(
                f"the encoder command must have one of {{yuv}}, {{y4m}} and {{png}}, not {len(used)}"
            )
        self.input = used[0]
        self._decoder = Program(decode, "decoder", ("stream", "decoded"), _SIZES) if decode else None
        if syntax is None and self.input == "png":
            syntax = "file"
        self.syntax = syntax and choose("syntax", syntax, SYNTAXES)
        if not self._decoder and (self.input == "png" or syntax == "file"):
            raise InputError(
                'FFmpeg decodes no stream of {png} and no syntax "file": give the decoder\'s command, decode='
            )
        self.name = name or Path(self._encoder.path).stem
        self.natives, self.whole = qps and _bounds(qps), whole
        self._table = None if table is None else _table(table)
        self.sides = _sides(sides, self.input)
        if depth not in range(8, 17):
            raise InputError(f"depth must be 8 to 16 bits, not {depth!r}")
        self.depth, self.timeout = depth, timeout
        self.suffix = SYNTAXES[syntax or "file"].suffix if suffix is None else suffix

    def __repr__(self) -> str:
        commands = ", ".join(repr(p and p.arguments) for p in (self._encoder, self._decoder))
        shown = ("name", "syntax", "sides", "depth", "suffix")
        return f"CommandCodec({commands}, {', '.join(f'{key}={getattr(self, key)!r}' for key in shown)})"

    def native_of(self, qp: float, count: int) -> float:
        """The encoder's own number for a qp, by the table if there is one."""
        if not is_number(qp):
            raise InputTypeError(f"qp must be a number, not {qp!r}")
        if self._table:
            known, natives = self._table
            if not known[0] <= qp <= known[-1]:
                raise InputError(
                    f"qp {qp} is out of range: the table of {self.name} has {known[0]}..{known[-1]}"
                )
            native = float(np.interp(qp, known, natives))
            return round(native) if self.whole else native
        if self.whole and not float(qp).is_integer():
            raise InputError(
                f"qp {qp} is no whole number; round it, or give whole=False if {self.name} has others"
            )
        return int(qp) if self.whole else qp

    def identity(self, native: float, count: int) -> list:
        """Both commands, fingerprints of their programs (or FFmpeg's version), and how frames go in and come out."""
        decoder = self._decoder.fingerprint if self._decoder else str(av.library_versions)
        return [repr(self), self._encoder.fingerprint, decoder, native]

    def encode(self, frames: np.ndarray, native: float) -> Stream:
        """The stream alone, with ``native`` on the encoder's own scale."""
        padded = pad_to(frames, *self.sides)
        if self.input == "png":
            files = [self._run_encoder(picture[None], native) for picture in padded]
            joined = [(i, b"".join(self._syntax(data).packets(data))) for i, data in enumerate(files)]
            return Stream(b"", joined, frames.shape[:3])
        data = self._run_encoder(padded, native)
        packets = self._syntax(data).packets(data)
        if not packets:
            raise CommandFailed(f"{self.name} wrote a stream without pictures, {len(data)} bytes")
        if not self._decoder:
            places = _places(self._by_ffmpeg(packets), len(packets), len(frames))
        elif self._syntax(data).in_order and len(packets) == len(frames):
            places = list(range(len(packets)))
        else:
            places = [0] * len(packets)
        return Stream(b"", list(zip(places, packets, strict=True)), frames.shape[:3])

    def decode(self, stream: Stream, native: float, planes: bool = False) -> Coded:
        """Decode what :meth:`encode` gave."""
        count, height, width = stream.size
        padded = pad_to(np.empty((1, height, width, 0)), *self.sides).shape[1:3]
        packets = [data for _, data in stream.packets]
        if self._decoder is None:
            decoded = self._by_ffmpeg(packets)
            y, u, v = program_files.planes_of(decoded, (count, *padded))
            types = video.to_types(decoded)
        elif self.input == "png":
            read = partial(program_files.read_png, shape=padded)
            pictures = [self._run(self._decoder, [data], (1, *padded), read) for data in packets]
            return self.result(stream, np.stack(pictures)[:, :height, :width], ["I"] * count, native)
        else:
            size = (count, *padded)
            read_planes = partial(program_files.read_planes, size=size, depth=self.depth)
            y, u, v = self._run(self._decoder, packets, size, read_planes)
            types = ["?"] * count
        rgb = yuv420_to_rgb(y, u, v)[:, :height, :width]
        got = video.crop((y, u, v), height, width) if planes else None
        return self.result(stream, rgb, types, native, got)

    def _syntax(self, data: bytes) -> Syntax:
        return SYNTAXES[self.syntax or syntax_of(data)]

    def _by_ffmpeg(self, packets: list[bytes]) -> list[av.VideoFrame]:
        """Decoded frames in display order; their pts is the place of their packet in coding order."""
        decoder = video.decoder_name(self._syntax(packets[0]).decoders)
        try:
            # Strict: where an H.264 stream does not say how far pictures are out of order, wait for all.
            return video.decode_packets(decoder, packets, options={"strict": "strict"})
        except av.FFmpegError as error:
            raise CommandFailed(
                f"FFmpeg's {decoder} cannot decode what {self.name} wrote: {error}"
            ) from error

    def _run_encoder(self, padded: np.ndarray, native: float) -> bytes:
        with temporary_folder() as folder:
            stream, file = folder / f"stream{self.suffix}", folder / f"input.{self.input}"
            program_files.write_frames(file, padded)
            values = _sizes(padded.shape[:3]) | {self.input: file, "qp": native}
            self._encoder(stream, self.timeout, stream=stream, **values)
            return stream.read_bytes()

    def _run(
        self,
        decoder: Program,
        packets: list[bytes],
        size: tuple[int, int, int],
        read: Callable[[Path], Decoded],
    ) -> Decoded:
        """What ``read`` reads from the file that the decoder writes."""
        with temporary_folder() as folder:
            stream, decoded = folder / f"stream{self.suffix}", folder / f"decoded.{self.input}"
            stream.write_bytes(self._syntax(packets[0]).file(packets, size[2], size[1]))
            decoder(decoded, self.timeout, stream=stream, decoded=decoded, **_sizes(size))
            return read(decoded)


def _sizes(size: tuple[int, int, int]) -> dict[str, int]:
    return {"frames": size[0], "height": size[1], "width": size[2], "fps": video.RATE}


def _places(decoded: list[av.VideoFrame], packets: int, count: int) -> list[int]:
    """Each packet's place in display order; one that shows nothing has the place of the next that does."""
    if len(decoded) != count:
        raise CommandFailed(f"{count} frames went in, {len(decoded)} were decoded")
    shown = {frame.pts: place for place, frame in enumerate(decoded)}
    places, place = [], count - 1
    for i in reversed(range(packets)):
        place = shown.get(i, place)
        places.append(place)
    return places[::-1]


def _table(table: Sequence[float] | Mapping[float, float]) -> tuple[list[float], list[float]]:
    pairs = sorted(table.items() if isinstance(table, Mapping) else enumerate(table))
    if not pairs or not all(np.isfinite(pair).all() for pair in pairs):
        raise InputError(f"table must hold a number for each qp, not {table!r}")
    return [float(qp) for qp, _ in pairs], [float(native) for _, native in pairs]


def _bounds(qps: tuple[float, float]) -> tuple[float, float]:
    low, high = qps
    if not low <= high:
        raise InputError(f"qps must be lowest and highest of the encoder's own numbers, not {qps!r}")
    return low, high


def _sides(sides: tuple[int, int] | None, kind: str) -> tuple[int, int]:
    multiple, least = sides or ((1, 1) if kind == "png" else (2, 2))
    if kind != "png" and (multiple % 2 or multiple < 2):
        raise InputError(f"sides must be (multiple, least) with an even multiple for 4:2:0, not {sides!r}")
    return multiple, least
