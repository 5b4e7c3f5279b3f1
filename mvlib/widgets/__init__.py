"""Panels to play with in JupyterLab: picture or clip, codec, QP → codec → analysers → pictures and numbers."""

from .block_viewer import BlockViewer
from .clip_explorer import ClipExplorer
from .explorer import QPExplorer
from .motion_viewer import MotionViewer
from .player import boxed, player

__all__ = ["BlockViewer", "ClipExplorer", "MotionViewer", "QPExplorer", "boxed", "player"]
