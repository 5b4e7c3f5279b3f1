"""Networks in front of a codec: picture, QP → what to encode instead, same size, fewer bits.

``NPP`` is the network of Lu et al., ``Compact`` ours at a fiftieth of its cost, ``AdaptiveFilter`` what saves most in
one pass.  For clips, ``ZhaoPreprocessor`` reads the network of Zhao et al., and ``CompactVideo`` is ours.
``Refinement`` takes gradient steps on each picture instead.
"""

from .adaptive import AdaptiveFilter, AdaptiveFilterConfig
from .base import Preprocessor, VideoPreprocessor, centre_qp
from .build import build_preprocessor, described
from .compact import Compact, CompactConfig
from .compact_video import CompactVideo, CompactVideoConfig
from .filter import Filter, FilterConfig, detail_bands
from .frames import InChunks, preprocess_frames
from .npp import NPP, NPPConfig, paper_lambda
from .refine import Refinement
from .refinement_config import RefinementConfig
from .regions import Regions, RegionsConfig
from .trunk import TrunkPreprocessor
from .update import LearnedUpdate, UpdateConfig
from .weights import (
    available_preprocessors,
    card_of,
    load_preprocessor,
    load_update,
    save_preprocessor,
    save_update,
)
from .zhao import ZhaoConfig, ZhaoPreprocessor

__all__ = [
    "NPP",
    "AdaptiveFilter",
    "AdaptiveFilterConfig",
    "Compact",
    "CompactConfig",
    "CompactVideo",
    "CompactVideoConfig",
    "Filter",
    "FilterConfig",
    "InChunks",
    "LearnedUpdate",
    "NPPConfig",
    "Preprocessor",
    "Refinement",
    "RefinementConfig",
    "Regions",
    "RegionsConfig",
    "TrunkPreprocessor",
    "UpdateConfig",
    "VideoPreprocessor",
    "ZhaoConfig",
    "ZhaoPreprocessor",
    "available_preprocessors",
    "build_preprocessor",
    "card_of",
    "centre_qp",
    "described",
    "detail_bands",
    "load_preprocessor",
    "load_update",
    "paper_lambda",
    "preprocess_frames",
    "save_preprocessor",
    "save_update",
]
