"""Masks of one class, in every way in which tools write them, against the mask that was painted."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from sansa_lightning import Prompt
from sansa_lightning.data.formats.mask_files import read_labels, read_object_mask, read_published_mask
from sansa_lightning.images.object_masks import cut, object_mask

OBJECT = np.zeros((40, 60), bool)
OBJECT[10:30, 15:45] = True
BORDER = np.zeros_like(OBJECT)
BORDER[8:32, 13:47] = True
BORDER &= ~OBJECT
VALUES = np.where(OBJECT, 255, 0).astype(np.uint8)
WITH_VOID = np.where(OBJECT, 1, np.where(BORDER, 255, 0)).astype(np.uint8)
PLAIN, VOID = OBJECT.astype(np.uint8), WITH_VOID


def palette(indices, colours):
    picture = Image.fromarray(indices.astype(np.uint8)).convert("P")
    picture.putpalette([value for colour in colours for value in colour])
    return picture


def rgba(colour, alpha, elsewhere=None):
    values = np.zeros((*OBJECT.shape, 4), np.uint8)
    values[..., :3] = np.where(OBJECT[..., None], colour, colour if elsewhere is None else elsewhere)
    values[..., 3] = alpha
    return Image.fromarray(values)


def coloured(colour, background=(0, 0, 0)):
    return Image.fromarray(np.where(OBJECT[..., None], colour, background).astype(np.uint8))


def jpeg(quality):
    buffer = io.BytesIO()
    Image.fromarray(VALUES).save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def soft(kind):
    big = Image.fromarray(VALUES).resize((240, 160), Image.Resampling.NEAREST)
    if kind == "blur":
        return Image.fromarray(VALUES).filter(ImageFilter.GaussianBlur(1.5))
    return big.resize((60, 40), Image.Resampling.BICUBIC if kind == "bicubic" else Image.Resampling.BOX)


def premultiplied():
    alpha = np.asarray(soft("blur")).astype(np.uint16)
    values = np.stack([alpha, alpha * 128 // 255, 0 * alpha, alpha], axis=2).astype(np.uint8)
    return Image.fromarray(values)


VOC = [(0, 0, 0), (128, 0, 0), (0, 128, 0)]
VOC_255 = VOC + [(9, 9, 9)] * 252 + [(224, 224, 192)]
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
READ = {
    "0 and 255": (Image.fromarray(VALUES), PLAIN),
    "0 and 1": (Image.fromarray(PLAIN), PLAIN),
    "0, 1 and 255": (Image.fromarray(WITH_VOID), VOID),
    "0 and 200": (Image.fromarray(PLAIN * np.uint8(200)), PLAIN),
    "1 bit": (Image.fromarray(OBJECT), PLAIN),
    "RGB of grey": (Image.fromarray(VALUES).convert("RGB"), PLAIN),
    "RGB of 0, 1 and 255": (Image.fromarray(WITH_VOID).convert("RGB"), VOID),
    "CMYK": (Image.fromarray(VALUES).convert("RGB").convert("CMYK"), PLAIN),
    "palette, indices 0 and 1": (palette(PLAIN, VOC), PLAIN),
    "palette, indices 0, 1 and 255": (palette(WITH_VOID, VOC_255), VOID),
    "palette of black and white": (palette(PLAIN, [BLACK, WHITE]), PLAIN),
    "palette of white and black": (palette(1 - PLAIN, [WHITE, BLACK]), PLAIN),
    "palette of white, unused, black": (palette(2 - 2 * PLAIN, [WHITE, (1, 2, 3), BLACK]), PLAIN),
    "palette of other places": (palette(PLAIN * 2, [BLACK, (1, 2, 3), WHITE]), PLAIN),
    "palette that a converter made": (Image.fromarray(VALUES).quantize(2), PLAIN),
    "palette of a ramp": (palette(WITH_VOID, [(v, v, v) for v in range(256)]), VOID),
    "palette with dark greys": (palette(PLAIN, [(v // 3,) * 3 for v in range(256)]), PLAIN),
    "white with alpha": (rgba(WHITE, VALUES), PLAIN),
    "white with alpha on black": (rgba(WHITE, VALUES, BLACK), PLAIN),
    "red with alpha on nothing": (rgba((250, 10, 10), VALUES, (40, 90, 7)), PLAIN),
    "black with alpha": (rgba(BLACK, VALUES), PLAIN),
    "grey with alpha": (Image.fromarray(VALUES).convert("LA"), PLAIN),
    "alpha of 0 and 1": (rgba(WHITE, PLAIN), PLAIN),
    "alpha of 0, 1 and 255": (rgba(WHITE, WITH_VOID), VOID),
    "grey that is opaque": (Image.fromarray(VALUES).convert("RGBA"), PLAIN),
    "one red thing": (coloured((255, 0, 0)), PLAIN),
    "one dark blue thing": (coloured((0, 0, 140)), PLAIN),
    "one green thing, opaque": (coloured((0, 255, 0)).convert("RGBA"), PLAIN),
    **{f"JPEG of quality {quality}": (jpeg(quality), PLAIN) for quality in (10, 30, 50, 75, 95)},
    **{f"soft edges, {kind}": (soft(kind), PLAIN) for kind in ("box", "bicubic", "blur")},
    "soft alpha, premultiplied": (premultiplied(), PLAIN),
}
READ["grey with alpha"][0].putalpha(Image.fromarray(VALUES))


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_read(tmp_path, kind, ending):
    picture, expected = READ[kind]
    path = tmp_path / f"mask.{ending}"
    (picture.convert("RGB") if ending == "png" and picture.mode == "CMYK" else picture).save(path)
    found = read_object_mask(path).mask
    assert found.dtype == np.uint8
    union = ((found == 1) | (expected == 1)).sum()
    assert ((found == 1) & (expected == 1)).sum() / union > (0.95 if "soft" in kind or "JPEG" in kind else 0.9999)
    np.testing.assert_array_equal(found == 255, expected == 255)
    np.testing.assert_array_equal(read_published_mask(path), found)
    for shown in (picture, Image.open(path)):  # in memory the rule is the same
        np.testing.assert_array_equal(Prompt.mask(shown).dense.numpy(), found == 1)


LEFT, RIGHT = np.zeros_like(OBJECT), np.zeros_like(OBJECT)
LEFT[10:20, 5:15], RIGHT[10:30, 30:50] = True, True


def grey(**areas):
    values = np.zeros(OBJECT.shape, np.uint8)
    for name, area in (("left", LEFT), ("right", RIGHT), ("border", BORDER)):
        values[area] = areas.get(name, 0)
    return Image.fromarray(values)


def ramp():
    return Image.fromarray(np.linspace(0, 255, 60).astype(np.uint8)[None].repeat(40, 0))


REFUSED = {
    "grey of many values": (grey(left=4, right=200), r"it is a map of the values 0, 4, 200;"),
    "class numbers and void": (grey(left=4, border=255), r"it is a map of the values 0, 4, 255;"),
    "1, 2 and void": (grey(left=1, right=2, border=255), r"it is a map of the values 0, 1, 2, 255;"),
    "a trimap": (grey(left=128, right=255), r"it is a map of the values 0, 128, 255;"),
    "spread class numbers": (grey(left=85, right=170, border=255), r"it is a map of the values 0, 85, 170, 255;"),
    "class numbers": (grey(left=1, right=2), r"its highest value is 2, of 0, 1, 2;"),
    "one class number": (grey(left=7), r"its highest value is 7, of 0, 7;"),
    "depth": (ramp(), r"it is a map of the values 0, 4, 8, .*, \.\.\. \(60 in all\);"),
    "palette of classes": (palette(LEFT + 2 * RIGHT, VOC), r"its highest value is 2, of 0, 1, 2;"),
    "two hues": (
        Image.fromarray(np.where(LEFT[..., None], (255, 0, 0), RIGHT[..., None] * (0, 255, 0)).astype(np.uint8)),
        r"it has colours of more than one hue: \(0, 0, 0\), \(0, 255, 0\), \(255, 0, 0\);",
    ),
    "a colour on white": (coloured((255, 0, 0), WHITE), r"it has colours of more than one hue: "),
    "two hues, opaque": (coloured((255, 0, 0), (0, 0, 255)).convert("RGBA"), r"it has colours of more than one hue: "),
    "colours and alpha": (
        rgba(WHITE, np.where(LEFT, 0, 255), BLACK),
        r"its colours and its transparency \(alpha\) both",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused(tmp_path, kind):
    picture, message = REFUSED[kind]
    picture.save(tmp_path / "mask.png")
    with pytest.raises(
        ValueError, match=rf"mask.png: expected a mask of 0 and 1, or of 0 and 255, but {message}"
    ) as found:
        read_object_mask(tmp_path / "mask.png")
    assert str(found.value).endswith(
        "for several classes, give each its own folder of masks, or use a source of label maps"
    )
    assert "\n" not in str(found.value)
    with pytest.raises(ValueError, match=rf"^Prompt\.mask: expected a mask of 0 and 1, .*{message}.* == number$"):
        Prompt.mask(picture)
    # Published masks are cut, as their numbers are.
    np.testing.assert_array_equal(read_published_mask(tmp_path / "mask.png"), np.asarray(picture.convert("L")) >= 128)


@pytest.mark.parametrize(("bits", "depth"), [(1, 1), (2, 2), (4, 4), (8, 8)])
def test_grey_of_few_bits(tmp_path, bits, depth):
    """What Pillow stretches to 8 bits."""
    path = tmp_path / "mask.png"
    _write_png(path, PLAIN, depth)
    np.testing.assert_array_equal(read_object_mask(path).mask, PLAIN)
    np.testing.assert_array_equal(Prompt.mask(Image.open(path)).dense.numpy(), PLAIN)
    np.testing.assert_array_equal(read_labels(path), PLAIN)
    _write_png(path, PLAIN * np.uint8(2**bits - 1), depth)
    np.testing.assert_array_equal(read_object_mask(path).mask, PLAIN)
    np.testing.assert_array_equal(read_labels(path), PLAIN * np.uint8(2**bits - 1))


def _write_png(path, values, depth):
    """A grey PNG of so many bits a pixel, by hand: Pillow writes no grey of 2 or 4 bits."""
    import struct
    import zlib

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    bits = ((values[..., None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8).reshape(len(values), -1)
    rows = b"".join(b"\0" + np.packbits(row).tobytes() for row in bits)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], depth, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))


@pytest.mark.parametrize("picture", [Image.new("L", (9, 7)), Image.new("RGBA", (9, 7)), Image.new("1", (9, 7))])
def test_empty(picture):
    found = object_mask(picture, picture.mode)
    assert found.kind == "empty"
    assert not found.mask.any()


def test_all_of_the_picture():
    for picture in (Image.new("L", (9, 7), 255), Image.new("L", (2, 2), 1), Image.new("RGBA", (9, 7), WHITE)):
        assert (object_mask(picture, picture.mode).mask == 1).all()


def test_thin_soft_lines_are_no_map():
    picture = Image.new("L", (240, 240))
    draw = ImageDraw.Draw(picture)
    for place in range(10, 230, 20):
        draw.line((place, 5, 230 - place, 230), fill=255, width=5)
    small = picture.resize((60, 60), Image.Resampling.BOX)
    np.testing.assert_array_equal(object_mask(small, "L").mask, np.asarray(small) >= 128)


def test_cut():
    np.testing.assert_array_equal(cut(Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8))), [[0, 0, 1, 1]])
