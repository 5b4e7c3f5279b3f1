"""A look in words: what was coded, what it cost, what the analysers see."""

from collections.abc import Iterator

import numpy as np

from mvlib.preprocess import card_of

from .looks import Look
from .screen import table

STEPS = "refined:x265:efficientnet_lite0:2:after=contrast"
"""A filter and gradient steps on the picture itself, offered beside the trained preprocessors."""


def title_of(preprocessor: str) -> str:
    """A preprocessor's name for people: what it is for, as its card tells."""
    if preprocessor == STEPS:
        return "a filter, then gradient steps on each picture, slow"
    return card_of(preprocessor).get("what", preprocessor)


def caption(look: Look, shown: int = 0) -> str:
    """The caption of a look at a picture, or at a clip of which frame ``shown`` is in sight.

    With a preprocessor each number is followed, in brackets, by that of the codec alone at the same QP: bits saved
    there are a gain only if what the analyser keeps did not fall with them.
    """
    parts = [_coded(look)]
    if look.clean_log is not None:
        parts.append(_recognised(look))
    if look.track is not None:
        parts.append(_followed(look))
    if len(look.given) > 1:
        kind, bits = look.written.frame_types[shown], look.written.frame_bits[shown]
        parts.append(f"frame {shown} is of type {kind}, {bits:,} bits")
    return "; ".join(parts)


def numbers(look: Look, shown: int = 0) -> str:
    """The same as an HTML table: a line for the original, for the codec alone, and for it with a preprocessor."""
    codec, qp = look.version.codec, look.version.qp
    own = "" if look.written.native == qp else f" ({look.written.native:g} on its own scale)"
    head = [f"{codec} at QP {qp}{own}", "bits", "bits per pixel", "PSNR (dB)"]
    alone = look.alone
    named = {f"{codec} alone": look} if alone is None else {f"{codec} alone": alone, "prepared": look}
    lines = [["original", "", "", ""]]
    lines += [
        [name, f"{of.written.bits:,}", f"{of.written.bpp:.3f}", f"{of.psnr:.2f}"]
        for name, of in named.items()
    ]
    looks = list(named.values())
    if alone is not None:
        lines[-1][1] += f" ({100 * (look.written.bits / alone.written.bits - 1):+.1f} %)"
    for title, values in _seen(look, looks, shown):
        head.append(title)
        for line, value in zip(lines, values, strict=True):
            line.append(value)
    return table(head, lines)


def _seen(look: Look, looks: list[Look], shown: int) -> Iterator[tuple[str, list[str]]]:
    """Columns of what analysers see and of the frame in sight: title, values of the original and of each look."""
    if look.clean_log is not None:
        probability = [float(look.clean[-1, look.target]), *(of.kept for of in looks)]
        yield f"sees “{look.classes[look.target]}”", [f"{100 * p:.0f} %" for p in probability]
        if len(look.given) == 1:
            yield "KL (nats)", ["", *(f"{of.kl:.3f}" for of in looks)]
    if look.track is not None and look.counted.any():
        tracks = [look.clean_track, *(of.track for of in looks)]
        yield "average overlap", [f"{look.average_overlap(track):.2f}" for track in tracks]
    if len(look.given) > 1:
        bits = [f"{of.written.frame_types[shown]}, {of.written.frame_bits[shown]:,} bits" for of in looks]
        yield f"frame {shown}", ["", *bits]


def _coded(look: Look) -> str:
    _, codec, qp, before = look.version
    written, alone = look.written, look.alone
    own = "" if written.native == qp else f" (its own scale: {written.native:g})"
    start, bits = f"{codec} at QP {qp}{own}", f"{written.bits:,} bits"
    quality = f"{written.bpp:.3f} bpp, PSNR {look.psnr:.2f} dB"
    if alone is None or before is None:
        return f"{start}: {bits}, {quality}"
    strength = "" if before.strength == 1 else f", strength {before.strength:g}"
    without = alone.written.bits
    return (
        f"{start} with “{before.name}”{strength}: {bits} ({100 * (written.bits / without - 1):+.1f} % of "
        f"{without:,} without), {quality} ({alone.psnr:.2f})"
    )


def _recognised(look: Look) -> str:
    picture = len(look.given) == 1
    name = f"“{look.classes[look.target]}”{'' if look.known or picture else ' (not labelled)'}"
    alone = "" if look.alone is None else f" ({100 * look.alone.kept:.0f} %)"
    words = f"{name} {100 * float(look.clean[-1, look.target]):.0f} % → {100 * look.kept:.0f} %{alone}"
    if picture:
        return f"{words}, KL {look.kl:.3f} nats{'' if look.alone is None else f' ({look.alone.kl:.3f})'}"
    likeliest = int(look.coded[-1].argmax())
    return words if likeliest == look.target else f"{words}, taken for “{look.classes[likeliest]}”"


def _followed(look: Look) -> str:
    if not look.counted.any():
        return "no frame in which the track could be scored"
    clean, coded = (look.average_overlap(track) for track in (look.clean_track, look.track))
    without = "" if look.alone is None else f" ({look.alone.average_overlap(look.alone.track):.2f})"
    least = int(np.nanargmin(look.overlap(look.track)))
    return f"average overlap {clean:.2f} → {coded:.2f}{without}, least in frame {least}"
