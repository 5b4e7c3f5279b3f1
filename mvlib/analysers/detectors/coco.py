"""The 80 classes of COCO detection, in the order of its category ids (the ids themselves have gaps).

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014
"""

from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

# torchvision lists all 91 ids; those that COCO never used are called "N/A", the background "__background__".
_BY_ID = FasterRCNN_ResNet50_FPN_Weights.DEFAULT.meta["categories"]
COCO_CLASSES: tuple[str, ...] = tuple(n for n in _BY_ID if n not in ("N/A", "__background__"))
