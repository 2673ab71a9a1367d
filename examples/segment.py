"""Segment a class in a picture by one marked reference.

python examples/segment.py REFERENCE X0 Y0 X1 Y1 TARGET OUT.png [BASE [ADAPTER]]
"""

import sys

from PIL import Image

import sansa_lightning

reference, *box, target, out = sys.argv[1:8]
base = sys.argv[8] if len(sys.argv) > 8 else "sam2_hiera_tiny"
adapter = sys.argv[9] if len(sys.argv) > 9 else None

model = sansa_lightning.load(base, adapter=adapter)
prompt = sansa_lightning.Prompt.box([float(side) for side in box])
(mask,) = model.segment([(reference, prompt)], target)
Image.fromarray(mask).save(out)
print(f"{out}: {mask.mean():.1%} of {target}")
