"""Catch a misspelt option before it is silently ignored: options → names and values → error with the near name.

FFmpeg accepts unknown options without a word, and x264, x265 and SVT-AV1 only log a warning about an unknown
parameter. Their log is the one complete list of what they know, so a trial run is made and its log read.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable

import av
from PIL import features

from mvlib.errors import InputError

from .encoders import ENCODERS, GOPS, STILL_OPTIONS
from .reserved import why_not
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


def choose(kind: str, value: object, allowed: Iterable[str]) -> str:
    """``value`` if it is among ``allowed``; else a ValueError that lists them and suggests the nearest."""
    allowed = list(allowed)
    if value in allowed:
        return value
    near = difflib.get_close_matches(str(value), allowed, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InputError(f"{kind} {value!r} is unknown{hint} Choose one of {', '.join(allowed)}.")


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
        raise InputError(f"codec {name!r} cannot be used: {missing}. Usable here: {_usable()}.")
    choose("gop", gop, GOPS)
    return choose(f"preset of {name}", str(preset), ENCODERS[name].presets)


def _usable() -> str:
    return ", ".join(name for name, state in available().items() if state is True)


def check_options(name: str, options: dict, complete: Callable[[dict], dict]) -> dict[str, object]:
    """The user's options with their names as the encoder spells them, proven to be understood.

    Args:
        name: the codec.
        options: the encoder's own parameters, such as {"aq-mode": 1}.
        complete: parameters -> all options of the codec context, for the trial run.

    Raises:
        ValueError: a name or value that the encoder does not know, or that is not free (``reserved.py``).
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
