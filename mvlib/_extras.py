"""Packages that not every installation has: asked for before work begins, not when it is half done."""

from importlib.util import find_spec

from mvlib.errors import MissingPackage


def need(package: str, extra: str, purpose: str) -> None:
    """Raise ``MissingPackage`` (an ImportError) unless ``package`` is there, which the optional ``extra`` brings."""
    if find_spec(package) is None:
        raise MissingPackage(
            f"{purpose} needs {package}, which isn't installed: pip install {package}, "
            f"or this package with its extra `{extra}`"
        )
