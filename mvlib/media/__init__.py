"""The one reader of pictures and the one of clips: file → upright uint8 sRGB, as a viewer or player shows it.

    picture: Pillow → EXIF's turn, ICC profile, depth, alpha over white
    clip:    libavformat (an animation: Pillow) → the film's stream → the frames that decoding from the start gives

What cannot be given rightly (HDR, floats, HEIF) is refused with a way out. What may be wrong is raised or noted.
"""

from .clip import Clip, Source, cut, kind_of, open_clip, raise_damage, read_clip, read_window, stacked
from .files import Damaged, Shown, TooShort, Unreadable
from .picture import Picture, load_picture, orientation_of, read_picture

__all__ = [
    "Clip", "Damaged", "Picture", "Shown", "Source", "TooShort", "Unreadable", "cut", "kind_of", "load_picture",
    "open_clip", "orientation_of", "raise_damage", "read_clip", "read_picture", "read_window",
    "stacked",
]  # fmt: skip
