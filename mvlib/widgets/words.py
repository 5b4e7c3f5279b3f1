"""A look in words: what was coded, what it cost, what the analysers see."""

import numpy as np

from .looks import Look


def caption(look: Look, shown: int = 0) -> str:
    """The caption of a look at a picture, or at a clip of which frame ``shown`` is in sight.

    Behind a preprocessor each number is followed, in brackets, by that of the codec alone at the same QP: bits saved
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


def _coded(look: Look) -> str:
    _, codec, qp, before = look.version
    written, alone = look.written, look.alone
    own = "" if written.native == qp else f" (its own scale: {written.native:g})"
    start, bits = f"{codec} at QP {qp}{own}", f"{written.bits:,} bits"
    quality = f"{written.bpp:.3f} bpp, PSNR {look.psnr:.2f} dB"
    if alone is None:
        return f"{start}: {bits}, {quality}"
    strength = "" if before.strength == 1 else f", strength {before.strength:g}"
    without = alone.written.bits
    return (
        f"{start} behind “{before.name}”{strength}: {bits} ({100 * (written.bits / without - 1):+.1f} % of "
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
