"""A picture or film of one's own → preprocessor → real encoder → a file that plays, at constant memory.

formats     ending of the output → codec and container that go together
source      the input's frames with their times, and its other tracks
quantiser   --qp, --crf or --bitrate → the encoder's options, and the QP that a preprocessor is given
writing     frames and times → packets → container
film        all of it, in threads: decode | preprocess | encode and write
sample      what it costs and what an analyser still sees, on a few frames
summary     all that, as a table and as numbers
"""

from .film import Job, Written, write
from .formats import check_outputs, choose
from .quantiser import Measured, Wish
from .sample import measure, scores_of
from .source import Source
from .summary import Summary

__all__ = [
    "Job", "Measured", "Source", "Summary", "Wish", "Written", "check_outputs", "choose", "measure", "scores_of",
    "write",
]  # fmt: skip
