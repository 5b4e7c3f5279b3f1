"""Exercises that check themselves: a learner's result → a line that says whether it holds, and if not, why."""

from collections.abc import Callable


def check(claim: str, test: Callable[[], bool], hint: str = "") -> bool:
    """Print whether ``test`` holds, without ever stopping the notebook.

    Args:
        claim: what should be true, in words.
        test: looks at the learner's result; it may raise, as it will while there is no result.
        hint: printed while the claim does not hold.
    Returns:
        whether it holds.
    """
    try:
        holds, why = bool(test()), ""
    except Exception as error:  # an unfinished answer may fail in any way; it is shown, not swallowed
        unfilled = "NoneType" in str(error)  # a gap returns None; what Python says of that helps nobody
        holds, why = False, "" if unfilled else f" ({type(error).__name__}: {error})"
    if holds:
        print(f"✓ {claim}")
    else:
        print(f"○ not yet: {claim}{why}" + (f"\n  hint: {hint}" if hint else ""))
    return holds
