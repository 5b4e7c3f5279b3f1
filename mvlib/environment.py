"""Is everything here that the course needs? Packages, encoders, pictures, networks → a line each, with the remedy."""

from collections.abc import Callable, Iterator
from importlib.metadata import version

PACKAGES = ("torch", "torchvision", "av", "pillow", "timm", "jupyterlab", "ipywidgets")


def _encoders() -> str:
    from mvlib.codecs import available

    missing = {name: why for name, why in available().items() if why is not True}
    if missing:
        raise RuntimeError("; ".join(f"{name}: {why}" for name, why in missing.items()))
    return ", ".join(available())


def _photographs() -> str:
    from mvlib.datasets import Photos

    sizes = {split: len(Photos(split)) for split in ("train", "val", "test")}
    return ", ".join(f"{n} {split}" for split, n in sizes.items())


def _network() -> str:
    import torch

    from mvlib import analysers

    analyser = analysers.load("efficientnet_lite0")
    with torch.inference_mode():
        logits = analyser(torch.full((1, 3, 224, 224), 0.5))
    return f"{analyser.name}, {logits.shape[1]} classes"


CHECKS: tuple[tuple[str, Callable[[], str], str], ...] = (
    ("encoders", _encoders, "reinstall PyAV from its wheel: pip install --force-reinstall av"),
    ("photographs", _photographs, "restore data/ from the repository: git checkout -- data"),
    ("network", _network, 'reinstall the course: pip install -e ".[notebooks]"'),
)


def check_environment() -> Iterator[str]:
    """One line for each thing the course needs: "ok …", or "MISSING …" with what went wrong and the remedy."""
    for name, check, remedy in CHECKS:
        try:
            yield f"ok       {name}: {check()}"
        except Exception as error:  # the whole point is to say what is wrong rather than to stop
            yield f"MISSING  {name}: {type(error).__name__}: {error}\n         → {remedy}"


def package_versions() -> str:
    """Versions of the main packages on one line."""
    return ", ".join(f"{name} {version(name)}" for name in PACKAGES)
