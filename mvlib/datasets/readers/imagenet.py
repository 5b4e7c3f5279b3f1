"""ImageNet and Imagenette: class folders named by WordNet ids → pictures with ImageNet-1k labels."""

from pathlib import Path

import torchvision
from timm.data import ImageNetInfo
from torchvision.datasets import ImageFolder
from torchvision.models import EfficientNet_B0_Weights

from mvlib.errors import InputError, MissingFile

from .reader import Reader, folder, read_picture
from .sample import Sample

SPLITS = ("train", "val")
IMAGENETTE_SIZES = {"full": "imagenette2", "320px": "imagenette2-320", "160px": "imagenette2-160"}


class _ClassFolders(Reader):
    classes = tuple(EfficientNet_B0_Weights.DEFAULT.meta["categories"])

    def __init__(self, root: Path, top: Path, short_side: int | None, on_error: str) -> None:
        found = ImageFolder(top)
        index_of = {wnid: k for k, wnid in enumerate(ImageNetInfo().label_names())}
        if unknown := [name for name in found.classes if name not in index_of]:
            raise InputError(
                f"{top} holds folders that are no ImageNet-1k class: {', '.join(unknown[:5])}; "
                "each should be named by a WordNet id such as n01440764"
            )
        self.labels = [index_of[found.classes[k]] for k in found.targets]
        paths = [str(Path(path).relative_to(root)) for path, _ in found.samples]
        super().__init__(root, paths, short_side, on_error)

    def read(self, index: int) -> Sample:
        path = self.paths[index]
        return Sample(read_picture(self.root / path), path, path, index, label=self.labels[index])


class ImageNet(_ClassFolders):
    """ImageNet 2012: ``root/train/n01440764/*.JPEG`` and ``root/val/n01440764/*.JPEG``.

    Where only the official archives are in ``root`` (ILSVRC2012_img_train.tar or ILSVRC2012_img_val.tar, and
    ILSVRC2012_devkit_t12.tar.gz), torchvision's reader unpacks them into these folders first; that needs SciPy.

    Args:
        root, short_side, on_error: see ``Reader``.
        split: "train" or "val".

    Raises FileNotFoundError where neither is there, ValueError for an unknown split or folder.
    """

    def __init__(
        self, root: str | Path, split: str = "val", short_side: int | None = None, on_error: str = "stop"
    ) -> None:
        _check(split)
        root = folder(Path(root), "give the folder that holds ImageNet's train and val")
        if not (root / split).is_dir():
            try:
                torchvision.datasets.ImageNet(root, split)
            except RuntimeError as error:
                raise MissingFile(
                    f"{root} holds neither the folder {split} nor the archives it is unpacked from: {error}"
                ) from error
        super().__init__(root, root / split, short_side, on_error)


class Imagenette(_ClassFolders):
    """Imagenette: ten easy classes of ImageNet, ``root/imagenette2-320/{train,val}/n01440764/*.JPEG``.

    Args:
        root: the folder that the archive was unpacked in, or the unpacked folder.
        split: "train" or "val".
        size: "full", "320px" or "160px", as in torchvision's reader.
        short_side, on_error: see ``Reader``.
    """

    def __init__(
        self, root: str | Path, split: str = "val", size: str = "320px", short_side: int | None = None,
        on_error: str = "stop",
    ) -> None:  # fmt: skip
        _check(split)
        if size not in IMAGENETTE_SIZES:
            raise InputError(f"size={size!r} does not exist, choose one of {', '.join(IMAGENETTE_SIZES)}")
        root = Path(root)
        top = root if (root / split).is_dir() else root / IMAGENETTE_SIZES[size]
        folder(top / split, f"unpack {IMAGENETTE_SIZES[size]}.tgz in {root}")
        super().__init__(top, top / split, short_side, on_error)


def _check(split: str) -> None:
    if split not in SPLITS:
        raise InputError(f"split={split!r} does not exist, choose one of {', '.join(SPLITS)}")
