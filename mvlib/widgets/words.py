"""A look in words: Look → one sentence, with and without the preprocessor."""

from .looking import Look


def caption(look: Look, name: str) -> str:
    """What was coded, what it cost, and what the network keeps of ``name``, the class of the clean picture.

    Behind a preprocessor each number is followed, in brackets, by that of the codec alone at the same QP: bits saved
    there are a gain only if what the network keeps did not fall with them.
    """
    own = "" if look.native == look.qp else f" (its own scale: {look.native:g})"
    clean = 100 * float(look.clean[look.target])
    alone = look.alone
    if alone is None:
        return (
            f"{look.codec} at QP {look.qp}{own}: {look.bits:,} bits, {look.bpp:.3f} bpp, PSNR {look.psnr:.2f} dB; "
            f"“{name}” {clean:.0f} % → {100 * look.kept:.0f} %, KL {look.kl:.3f} nats"
        )
    strength = "" if look.before.strength == 1 else f", strength {look.before.strength:g}"
    return (
        f"{look.codec} at QP {look.qp}{own} behind “{look.before.name}”{strength}: {look.bits:,} bits "
        f"({100 * (look.bits / alone.bits - 1):+.1f} % of {alone.bits:,} without), {look.bpp:.3f} bpp, "
        f"PSNR {look.psnr:.2f} dB ({alone.psnr:.2f}); “{name}” {clean:.0f} % → {100 * look.kept:.0f} % "
        f"({100 * alone.kept:.0f} %), KL {look.kl:.3f} nats ({alone.kl:.3f})"
    )
