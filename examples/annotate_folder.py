"""Annotate the pictures of a folder with several classes, by one mask of each.

    python examples/annotate_folder.py REFERENCES PICTURES OUT [BASE]

REFERENCES has <class>.jpg or .png beside <class>.mask.png. OUT gets <picture>.<class>.png for each mask. For many,
with resuming and COCO's format, there is ``python -m sansa_lightning annotate``.
"""

import sys
from pathlib import Path

from PIL import Image

import sansa_lightning

references, pictures, out = map(Path, sys.argv[1:4])
model = sansa_lightning.load(sys.argv[4] if len(sys.argv) > 4 else "sam2_hiera_tiny")

masks = {path.name.removesuffix(".mask.png"): path for path in sorted(references.glob("*.mask.png"))}
marked = {
    name: (next(references.glob(f"{name}.[jp][pn]g")), sansa_lightning.Prompt.mask(mask))
    for name, mask in masks.items()
}
memories = model.remember(marked)
memories.save(out / "memories.safetensors")  # model.load_memories reads it

files = sorted(path for path in pictures.iterdir() if path.suffix.lower() in (".jpg", ".png"))
for file, found in zip(files, model.annotate(memories, files, presence=True), strict=True):
    for name, mask, score, presence in zip(found.names, found.masks, found.scores, found.presence, strict=True):
        Image.fromarray(mask).save(out / f"{file.stem}.{name}.png")
        print(f"{file.name}: {name}, {mask.mean():.1%} of the picture, IoU {score:.2f}, presence {presence:.2f}")
