"""Make the films of the test side: films.toml → excerpts of 64 frames, made as clips are, and films.csv."""

from pathlib import Path

import clips

FIELDS = clips.FIELDS


def build(out: Path, work: Path) -> list[dict]:
    """Write ``out/films`` and return the rows of its manifest, in the order of the file names."""
    return clips.excerpts("films", 64, out, work)
