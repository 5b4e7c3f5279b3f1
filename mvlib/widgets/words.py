"""A look in words: Look → one sentence, with and without the preprocessor."""

import numpy as np

from .clip_looking import ClipLook
from .looking import Look


def caption(look: Look, name: str) -> str:
    """What was coded, what it cost, and what the network keeps of ``name``, the class of the clean picture.

    Behind a preprocessor each number is followed, in brackets, by that of the codec alone at the same QP: bits saved
    there are a gain only if what the network keeps did not fall with them.
    """
    clean = 100 * float(look.clean[look.target])
    alone, without = look.alone, ("", "")
    if alone is not None:
        without = f" ({100 * alone.kept:.0f} %)", f" ({alone.kl:.3f})"
    return (
        f"{_coded(look)}; “{name}” {clean:.0f} % → {100 * look.kept:.0f} %{without[0]}, "
        f"KL {look.kl:.3f} nats{without[1]}"
    )


def clip_caption(look: ClipLook, shown: int) -> str:
    """What was coded, what it cost, what the recogniser says of the whole clip, how well the tracker follows.

    Args:
        shown: the frame that is shown.
    """
    parts = [_coded(look)]
    if look.coded is not None:
        parts.append(_recognised(look))
    if look.track is not None:
        parts.append(_followed(look))
    kind, bits = look.clip.frame_types[shown], look.clip.frame_bits[shown]
    return "; ".join([*parts, f"frame {shown} is of type {kind}, {bits:,} bits"])


def _coded(look: Look | ClipLook) -> str:
    own = "" if look.native == look.qp else f" (its own scale: {look.native:g})"
    alone = look.alone
    if alone is None:
        return f"{look.codec} at QP {look.qp}{own}: {look.bits:,} bits, {look.bpp:.3f} bpp, PSNR {look.psnr:.2f} dB"
    strength = "" if look.before.strength == 1 else f", strength {look.before.strength:g}"
    return (
        f"{look.codec} at QP {look.qp}{own} behind “{look.before.name}”{strength}: {look.bits:,} bits "
        f"({100 * (look.bits / alone.bits - 1):+.1f} % of {alone.bits:,} without), {look.bpp:.3f} bpp, "
        f"PSNR {look.psnr:.2f} dB ({alone.psnr:.2f})"
    )


def _recognised(look: ClipLook) -> str:
    clean, coded = (100 * float(said[-1, look.target]) for said in (look.clean, look.coded))
    without = "" if look.alone is None else f" ({100 * float(look.alone.coded[-1, look.target]):.0f} %)"
    seen = int(look.coded[-1].argmax())
    other = "" if seen == look.target else f", taken for “{look.classes[seen]}”"
    name = f"“{look.classes[look.target]}”{'' if look.known else ' (not labelled)'}"
    return f"{name} {clean:.0f} % → {coded:.0f} %{without}{other}"


def _followed(look: ClipLook) -> str:
    if not look.counted.any():
        return "no frame in which the track could be scored"
    clean, coded = (look.average_overlap(track) for track in (look.clean_track, look.track))
    without = "" if look.alone is None else f" ({look.alone.average_overlap(look.alone.track):.2f})"
    least = int(np.nanargmin(look.overlap(look.track)))
    return f"average overlap {clean:.2f} → {coded:.2f}{without}, least in frame {least}"
