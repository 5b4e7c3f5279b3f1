"""Panels to play with in JupyterLab: picture, codec and QP → real encoder → network → pictures and numbers."""

from .block_viewer import BlockViewer
from .explorer import QPExplorer
from .motion_viewer import MotionViewer
from .player import player

__all__ = ["BlockViewer", "MotionViewer", "QPExplorer", "player"]
