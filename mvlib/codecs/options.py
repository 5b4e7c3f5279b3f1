"""Options of encoders: names and values → what is misspelt or not free is refused, with the near name or the reason.

FFmpeg accepts unknown options without a word, and x264, x265 and SVT-AV1 only log a warning about an unknown
parameter. Their log is the one complete list of what they know, so a trial run is made and its log read.

What is in ``RESERVED`` is not for the user, since it would falsify what is measured, silently; everything else is free,
such as aq-mode, psy-rd, ref or deblock. It was tried: it moved the quantiser under ``qp``, made the decoded picture
another one than the planes or the encoder's own, wrote or read files, or brought the process down. A tool that needs
one of these, such as a file of statistics, opens the encoder itself (``video.open_encoder``).
"""

import difflib
import re
from collections.abc import Callable

import av
from PIL import features

from mvlib.errors import InputError, choose

from .encoders import ENCODERS, GOPS, STILL_OPTIONS
from .video import decoder_name, open_encoder

# For suggestions only: the encoder itself decides.
_X26X = """aq-mode aq-strength b-adapt bframes cqpoffs crqpoffs deblock direct cabac ipratio pbratio keyint
    min-keyint me merange subme psy psy-rd qcomp rc-lookahead ref scenecut trellis weightb
    weightp open-gop b-pyramid mbtree fast-pskip dct-decimate nr partitions 8x8dct mixed-refs deadzone-inter
    deadzone-intra chroma-qp-offset no-deblock no-psy"""
_X265 = """ctu min-cu-size max-tu-size rd rdoq-level psy-rdoq sao no-sao cutree amp rect early-skip limit-refs
    strong-intra-smoothing tu-intra-depth tu-inter-depth max-merge cbqpoffs crqpoffs signhide tskip rskip b-intra
    constrained-intra bframe-bias limit-modes fades hist-scenecut aq-motion"""
_SVT = """aq-mode tune enable-tf keyint pred-struct hierarchical-levels lookahead enable-qm qm-min qm-max
    scm enable-restoration enable-cdef enable-dlf enable-overlays tile-rows tile-columns fast-decode sharpness
    variance-boost-strength enable-variance-boost variance-octile irefresh-type scd enable-mfmv"""
_REFUSED = ("Unknown option", "Error parsing", "Invalid value")
_PLAIN = re.compile(r"[^:='\"\\\s\0]+")
_KNOWN = {"x264": _X26X.split(), "x265": f"{_X26X} {_X265}".split(), "svtav1": _SVT.split()}


def available() -> dict[str, bool | str]:
    """Which codecs run here: name -> True, or in words what is missing."""
    return {name: _missing(name) or True for name in ENCODERS}


def _missing(name: str) -> str:
    encoder = ENCODERS[name]
    if encoder.still:
        feature = {"JPEG": "jpg"}.get(encoder.library, encoder.library.lower())
        return "" if features.check(feature) else f"this build of Pillow was made without {encoder.library}"
    try:
        av.codec.Codec(encoder.library, "w")
        decoder_name(encoder.decoders)
    except av.codec.codec.UnknownCodecError:
        return f"this build of PyAV {av.__version__} has no encoder {encoder.library}"
    except ValueError as error:
        return str(error)
    return ""


def check_codec(name: str, preset: object, gop: str) -> str:
    """The preset's name, if codec, preset and GOP exist and the codec runs here; else a ValueError."""
    choose("codec", name, ENCODERS)
    if missing := _missing(name):
        usable = ", ".join(name for name, state in available().items() if state is True)
        raise InputError(f"codec {name!r} cannot be used: {missing}. Usable here: {usable}.")
    choose("gop", gop, GOPS)
    return choose(f"preset of {name}", str(preset), ENCODERS[name].presets)


def check_options(name: str, options: dict, complete: Callable[[dict], dict]) -> dict[str, object]:
    """The user's options with their names as the encoder spells them, proven to be understood.

    Args:
        name: the codec.
        options: the encoder's own parameters, such as {"aq-mode": 1}.
        complete: parameters -> all options of the codec context, for the trial run.

    Raises:
        ValueError: a name or value that the encoder does not know, or that is not free (``RESERVED``).
    """
    encoder = ENCODERS[name]
    if encoder.params:
        options = {str(key).replace("_", "-"): value for key, value in options.items()}
    for key, value in options.items():
        inside = dict(value) if key == "advanced" else ()  # Pillow's way to a library's own options
        for inner in (key, *inside):
            if reason := "this package sets it" if inner in encoder.always else why_not(name, str(inner)):
                raise InputError(f"option {inner!r} of {name} is not free: {reason}")
        if not encoder.params:
            choose(f"option of {name}", key, STILL_OPTIONS.get(name) or _private_options(encoder.library))
        elif hidden := [text for text in (key, str(value)) if not _PLAIN.fullmatch(text)]:
            raise InputError(
                f"option {key!r}={value!r} of {name}: {hidden[0]!r} is not possible, it is empty or holds ':', '=', a "
                "quote, a backslash or a space, which would make another option of it"
            )
    if options and not encoder.still:
        _try(name, options, complete(options))
    return options


def _private_options(library: str) -> list[str]:
    return sorted(option.name for option in av.CodecContext.create(library, "w").supported_options.private)


def _try(name: str, options: dict, complete: dict) -> None:
    level = av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as log:
            open_encoder(ENCODERS[name], 64, 64, complete)
    finally:
        av.logging.set_level(level)
    for _, _, line in log:
        for key in options:
            if key in line and any(word in line for word in _REFUSED):
                near = difflib.get_close_matches(key, _KNOWN.get(name, ()), n=1)
                hint = f"; did you mean {near[0]!r}?" if near and near[0] != key else ""
                raise InputError(f"option {key!r}={options[key]!r} of {name}: {line.strip()}{hint}")


RATE = "qp or native sets the quantiser, and this would set it too, or bound it"
COLOUR = "it says of the samples what is not so: their range, matrix, place or depth are this package's"
FRAMES = "other frames, or of another size, would come back than went in"
STREAM = "what it adds to the stream is no picture: it would be counted, or decoding fails"
FILES = "it reads or writes a file, of which no result tells"
MACHINE = "bytes would depend on the machine, or text go to the terminal"
PRESET = "the preset sets it"
UNSAFE = "it takes structures that are not given here, and can end the process"

# Codec -> reason -> names. A name forbids its "no-" form too.
RESERVED: dict[str, dict[str, str]] = {
    "x264": {
        RATE: """qp crf crf-max bitrate rc ratetol qpmin qpmax qpstep qp-min qp-max qp-step vbv-maxrate vbv-bufsize
            vbv-init nal-hrd filler pass zones lossless""",
        COLOUR: """fullrange range input-range colormatrix colorprim transfer alternative-transfer chromaloc videoformat
            overscan sar mastering-display cll input-csp output-csp profile""",
        FRAMES: """crop-rect crop interlaced fake-interlaced tff bff pic-struct frame-packing avcintra-class
            avcintra-flavor force-cfr fps timebase input-res seek frames""",
        STREAM: "annexb aud repeat-headers global-header stitchable",
        FILES: "stats qpfile cqmfile dump-yuv opencl-clbin output input log-file log-file-level",
        MACHINE: """threads sliced-threads lookahead-threads sync-lookahead non-deterministic n-deterministic
            deterministic opencl opencl-device asm cpu-independent log log-level""",
        PRESET: "preset tune",
    },
    "x265": {
        RATE: """qp crf crf-max crf-min bitrate rc qpmin qpmax qpstep vbv-maxrate vbv-bufsize vbv-init vbv-end
            vbv-end-fr-adj min-vbv-fullness max-vbv-fullness strict-cbr const-vbv sbrc rc-grain lossless pass
            multi-pass-opt-analysis multi-pass-opt-distortion zones zone-count hrd hrd-concat max-ausize-factor""",
        COLOUR: """range colormatrix colorprim transfer chromaloc videoformat overscan sar video-signal-type-preset
            input-csp input-depth output-depth internal-bit-depth profile min-luma max-luma hdr hdr-opt hdr10 hdr10-opt
            master-display max-cll cll atc-sei""",
        FRAMES: """crop-rect crop display-window interlace field pic-struct frame-dup dup-threshold fps input-res seek
            frames total-frames chunk-start chunk-end scale-factor temporal-layers alpha num-views scc splice
            film-grain aom-film-grain""",
        STREAM: "annexb eob eos aud repeat-headers hash idr-recovery-sei single-sei vui-hrd-info uhd-bd",
        FILES: """csv csv-log-level stats recon dump-yuv log-file log-file-level analysis-save analysis-load
            analysis-save-reuse-level analysis-load-reuse-level analysis-reuse-file analysis-reuse-mode
            analysis-reuse-level stats-read stats-write zonefile qpfile lambda-file scaling-list dhdr10-info dhdr10-opt
            nalu-file dolby-vision-profile dolby-vision-rpu output input""",
        MACHINE: """pools numa-pools frame-threads wpp pmode pme lookahead-threads asm svt log log-level info""",
        PRESET: "preset tune",
        UNSAFE: "copy-pic cra-nal ctu-info refine-analysis-type refine-ctu-distortion force-flush",
    },
    "svtav1": {
        RATE: """qp crf rc tbr mbr min-qp max-qp use-q-file lossless pass startup-qp-offset minsection-pct
            maxsection-pct undershoot-pct overshoot-pct mbr-overshoot-pct buf-sz buf-initial-sz buf-optimal-sz
            recode-loop gop-constraint-rc""",
        COLOUR: """color-range color-primaries transfer-characteristics matrix-coefficients chroma-sample-position
            color-format input-depth profile mastering-display content-light""",
        FRAMES: """superres-mode superres-denom superres-kf-denom superres-qthres superres-kf-qthres resize-mode
            resize-denom resize-kf-denom frame-resz-events frame-resz-denoms frame-resz-kf-denoms sframe-dist
            sframe-mode sframe-posi sframe-qp sframe-qp-offset film-grain film-grain-denoise adaptive-film-grain fps
            fps-num fps-denom input-res width height forced-max-frame-width forced-max-frame-height skip n nb frames
            avif""",
        FILES: "fgs-table qp-file roi-map-file stats stat-file errlog recon output input i b",
        MACHINE: "lp pin ss asm enable-stat-report progress",
        PRESET: "preset",
    },
    "vp9": {
        RATE: """crf b qmin qmax lossless undershoot-pct overshoot-pct max-intra-rate corpus-complexity quality""",
        FRAMES: "drop-threshold ts-parameters",
        MACHINE: "row-mt threads",
        PRESET: "cpu-used speed deadline",
    },
    "mjpeg": {
        RATE: """qmin qmax b global_quality lmin lmax rc_eq rc_qmod_amp rc_qmod_freq rc_init_cplx rc_buf_aggressivity
            border_mask quantizer_noise_shaping qsquish""",
        FRAMES: "skip_threshold skip_factor skip_exp skip_cmp error_rate",
        STREAM: "ps",
        MACHINE: "threads",
    },
    "jpeg": {RATE: "quality", COLOUR: "subsampling keep_rgb", STREAM: "dpi exif icc_profile comment xmp"},
    "webp": {
        RATE: "quality lossless alpha_quality exact", PRESET: "method", STREAM: "exif icc_profile xmp",
    },
    "avif": {
        RATE: "quality lossless min-q max-q min max end-usage cq-level cq q",
        COLOUR: "subsampling range alpha_premultiplied",
        FRAMES: "film-grain-test film-grain-table append_images save_all",
        MACHINE: "max_threads codec",
        PRESET: "speed",
        STREAM: "exif icc_profile xmp",
    },
}  # fmt: skip


def why_not(codec: str, name: str) -> str | None:
    """The reason why the option ``name`` of ``codec`` is not free; None where it is."""
    bare = name.lstrip("-").rpartition(":")[2]
    spellings = {bare, bare.removeprefix("no-"), bare.removeprefix("no")}
    names = {n: reason for reason, some in RESERVED[codec].items() for n in some.split()}
    return next((names[s] for s in spellings if s in names), None)
