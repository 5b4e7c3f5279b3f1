"""ImageNet and Imagenette: class folders named by WordNet ids → pictures with ImageNet-1k labels."""

import logging
from collections import Counter
from pathlib import Path

import torchvision
from timm.data import ImageNetInfo
from torchvision.models import EfficientNet_B0_Weights

from mvlib.errors import InputError, MissingFile, choose
from mvlib.samples import Sample

from .files import PICTURES, class_folders
from .reader import Reader, folder, read_picture

SPLITS = ("train", "val")
IMAGENETTE_SIZES = {"full": "imagenette2", "320px": "imagenette2-320", "160px": "imagenette2-160"}
log = logging.getLogger("mvlib.datasets")


class _ClassFolders(Reader):
    classes = tuple(EfficientNet_B0_Weights.DEFAULT.meta["categories"])
    gives = ("label",)

    def __init__(self, root: Path, top: Path, short_side: int | None, on_error: str) -> None:
        index_of = {wnid: k for k, wnid in enumerate(ImageNetInfo().label_names())}
        passed: Counter = Counter()
        paths, self.labels, unknown = [], [], []
        for name, files in class_folders(top, PICTURES, passed):
            if name not in index_of:
                unknown.append(name)
                passed[f"in {name}, which is no class"] += len(files)
                continue
            paths += [path.relative_to(root).as_posix() for path in files]
            self.labels += [index_of[name]] * len(files)
        if unknown:
            why = (
                f"folders that are no ImageNet-1k class: {', '.join(unknown[:5])}; "
                "each should be named by a WordNet id such as n01440764"
            )
            if not paths:
                raise InputError(f"{top} holds {why}")
            log.warning("%s leaves out %s, %s", type(self).__name__, top, why)
        super().__init__(root, paths, short_side, on_error, passed)

    def read(self, index: int) -> Sample:
        path = self.paths[index]
        frames = read_picture(self.root / path)
        return Sample(frames, path, (self.labels[index],), file=path, index=index)


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
        choose("split", split, SPLITS)
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
        choose("split", split, SPLITS)
        choose("size", size, IMAGENETTE_SIZES)
        root = Path(root)
        top = root if (root / split).is_dir() else root / IMAGENETTE_SIZES[size]
        folder(top / split, f"unpack {IMAGENETTE_SIZES[size]}.tgz in {root}")
        super().__init__(top, top / split, short_side, on_error)
