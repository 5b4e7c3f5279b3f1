"""Panels to play with in JupyterLab: picture, codec and QP → real encoder → network → pictures and numbers."""

from .explorer import QPExplorer

__all__ = ["QPExplorer"]
