"""Which pictures a job has, and what is refused before one is opened."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakes.photos import Photos
from fakes.turned import camera
from sansa_lightning.annotate.given.targets import find_targets, fingerprint
from sansa_lightning.annotate.inputs import as_picture


def names(*given, root=None):
    return [target.name for target in find_targets([Path(each) for each in given], root)]


def test_every_form_lists_the_same_pictures_in_order(photos: Photos):
    whole = sorted([*photos.names, "b/broken.png"])
    assert names(photos.root / "photos") == whole
    assert names(photos.root / "list.txt", root=photos.root / "photos") == whole
    coco = find_targets([photos.root / "images.json"], photos.root / "photos")
    assert [(target.name, target.image_id) for target in coco] == [(name, 100 - i) for i, name in enumerate(whole)]
    shards = [f"shard-{number // 5}.tar/{name}" for number, name in enumerate(whole)]
    assert names(photos.root / "shard-0.tar", photos.root / "shard-1.tar") == shards


def test_members_of_shards_are_the_files(photos: Photos):
    for target in find_targets([photos.root / "shard-0.tar"], None):
        file, name = target.file(), target.name.partition("/")[2]
        assert file.content == (photos.root / "photos" / name).read_bytes()
        picture = as_picture(file)
        assert np.array_equal(np.asarray(picture), np.asarray(as_picture(photos.root / "photos" / name)))


def test_hidden_files_and_other_files_are_no_targets(tmp_path):
    for name in ("a.PNG", ".b.png", ".c/d.png", "e.txt", "f/g.jpeg", "h.png/i.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(b"")
    assert names(tmp_path) == ["a.PNG", "f/g.jpeg"]


def test_links_are_followed_or_told_of(tmp_path, capsys):
    (tmp_path / "photos/.hidden").mkdir(parents=True)
    (tmp_path / "more/d").mkdir(parents=True)
    (tmp_path / "more/d/1.png").write_bytes(b"")
    for name, to in (("a.png", "../more/d/1.png"), ("b.png", "nowhere"), ("c.png", "c.png"), ("e", "nowhere")):
        (tmp_path / "photos" / name).symlink_to(to)
    for name in ("d", "f.png", ".hidden/g"):
        (tmp_path / "photos" / name).symlink_to(tmp_path / "more/d")
    found = find_targets([tmp_path / "photos"], None)
    assert [target.name for target in found] == ["a.png", "b.png", "c.png"]
    for target in found[1:]:
        with pytest.raises((ValueError, FileNotFoundError), match=target.name):  # which the job lists as skipped
            as_picture(target.file())
    said = capsys.readouterr().err
    assert said == f"annotate: 2 links to a folder, not followed (first: {tmp_path / 'photos/d'})\n"


def test_names_with_a_further_dot_are_told_of_once(tmp_path, capsys):
    for place in ("a.tar", "b.tar"):
        with tarfile.open(tmp_path / place, "w") as tar:
            for name in ("1.jpg", "1.mask.PNG", "v.2.jpg", "1.json", "x.y/2.jpg"):
                tar.addfile(tarfile.TarInfo(name))
    assert names(tmp_path / "a.tar", tmp_path / "b.tar") == [
        f"{place}/{name}" for place in ("a.tar", "b.tar") for name in ("1.jpg", "x.y/2.jpg")
    ]
    assert capsys.readouterr().err == (
        f"annotate: 4 pictures of shards left out, with a further dot in the ending (first: "
        f"{tmp_path / 'a.tar'}: 1.mask.PNG)\n"
    )


def shard(path: Path, name: str, kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.size = kind, "/etc/passwd" if kind != tarfile.REGTYPE else "", 3
        tar.addfile(member, io.BytesIO(b"abc") if kind == tarfile.REGTYPE else None)
    return path


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "a/../../b.png"])
def test_members_that_lead_out_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r"a\.tar: expected the name of a picture in any number of parts, but got '"):
        names(shard(tmp_path / "a.tar", name))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_are_refused(kind, tmp_path):
    with pytest.raises(ValueError, match=r"expected 'a\.png' to be a plain file, but it is a link or a device$"):
        names(shard(tmp_path / "a.tar", "a.png", kind))


def test_what_is_no_shard(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"x" * 2000)
    with pytest.raises(ValueError, match=r"a\.tar: expected an uncompressed tar file, but it cannot be read as one: "):
        names(tmp_path / "a.tar")
    with tarfile.open(tmp_path / "b.tar", "w:gz") as tar:
        tar.add(tmp_path / "a.tar", "a.png")
    with pytest.raises(ValueError, match=r"b\.tar: expected an uncompressed tar file"):
        names(tmp_path / "b.tar")


def three(path: Path) -> bytes:
    """A tar file of three pictures of 100 bytes: each has a block of a header and a block of content."""
    with tarfile.open(path, "w") as tar:
        for name in "abc":
            member = tarfile.TarInfo(f"{name}.png")
            member.size = 100
            tar.addfile(member, io.BytesIO(b"x" * 100))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: whole[:2048], r"two blocks of zeros, at byte 2048; it is damaged or cut in or after 'b\.png'$"),
        (lambda whole: whole[:3072], r"two blocks of zeros, at byte 3072; it is damaged or cut in or after 'c\.png'$"),
        (lambda whole: whole[:3584], r"two blocks of zeros, at byte 3072; it is damaged or cut in or after 'c\.png'$"),
        (lambda whole: whole[:1540], r"unexpected end of data; it is damaged or cut in or after 'b\.png'$"),
        (lambda whole: whole[:1030], r"two blocks of zeros, at byte 1024; it is damaged or cut in or after 'a\.png'$"),
        (lambda whole: whole[:1100] + b"?" + whole[1101:], r"at byte 1024; it is damaged or cut in or after 'a\.png'$"),
        (
            lambda whole: whole[:1024] + bytes(512) + whole[1536:],
            r"at byte 1024; it is damaged or cut in or after 'a\.png'$",
        ),
        (lambda whole: whole + whole, r"two blocks of zeros, at byte 3072; it is damaged or cut in or after 'c\.png'$"),
    ],
)
def test_a_damaged_shard_is_refused(damage, message, tmp_path):
    whole = three(tmp_path / "a.tar")
    assert names(tmp_path / "a.tar") == ["a.tar/a.png", "a.tar/b.png", "a.tar/c.png"]
    (tmp_path / "a.tar").write_bytes(damage(whole))
    with pytest.raises(ValueError, match=rf"a\.tar: expected an uncompressed tar file, .*{message}"):
        names(tmp_path / "a.tar")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([{"id": 1, "file_name": "../a.png"}], r"image 0: expected the name of a picture"),
        ([{"id": "1", "file_name": "a.png"}], r"image 0: expected an object with a whole number as id, but got "),
        ([{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}], r"different ids .*, but 2 have 1$"),
        ([{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "a.png"}], r"different names, but 2 have 'a\.png'$"),
        ([], r"--images: expected pictures \(\.bmp, .* but there are none in "),
    ],
)
def test_lists_that_are_wrong(images, message, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"images": images}))
    with pytest.raises(ValueError, match=message):
        names(tmp_path / "a.json")


def test_a_picture_in_memory_that_is_damaged_is_named(tmp_path):
    content = io.BytesIO()
    Image.new("RGB", (9, 9)).save(content, "PNG")
    damaged = bytearray(content.getvalue())
    damaged[45] ^= 1
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member = tarfile.TarInfo("x.png")
        member.size = len(damaged)
        tar.addfile(member, io.BytesIO(damaged))
    (target,) = find_targets([tmp_path / "a.tar"], None)
    with pytest.raises(ValueError, match=r"a\.tar: x\.png cannot be decoded as an image"):
        as_picture(target.file())


def test_ids_of_a_file_do_not_meet_the_numbers_of_other_pictures(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    (tmp_path / "b.json").write_text(json.dumps({"images": [{"id": 1, "file_name": "b.png"}]}))
    with pytest.raises(ValueError, match=r"different ids \(those without one are numbered\), but 2 have 1$"):
        find_targets([tmp_path, tmp_path / "b.json"], None)
    (tmp_path / "b.json").write_text(json.dumps({"images": [{"id": 7, "file_name": "b.png"}]}))
    assert [each.image_id for each in find_targets([tmp_path, tmp_path / "b.json"], None)] == [1, 7]


@pytest.mark.parametrize("stored", [True, False])
def test_a_picture_lies_as_the_file_says_whose_ids_it_has(stored, tmp_path):
    """A camera stored 120x80 and says that it was held sideways."""
    camera(tmp_path / "a.png", np.zeros((120, 80, 3), np.uint8), 6)
    assert Image.open(tmp_path / "a.png").size == (120, 80)
    width, height = (120, 80) if stored else (80, 120)
    entry = {"id": 1, "file_name": "a.png", "width": width, "height": height}
    (tmp_path / "a.json").write_text(json.dumps({"images": [entry]}))
    (target,) = find_targets([tmp_path / "a.json"], None)
    for exif in ("upright", "stored"):
        assert target.picture(exif).size == (width, height)


def test_other_pictures_of_the_same_names_are_others(tmp_path):
    """In another folder, in a file that was written anew, and in a shard with the same members."""
    for folder in "ac":
        (tmp_path / folder).mkdir()
        Image.new("RGB", (9, 9), "red" if folder == "a" else "blue").save(tmp_path / folder / "x.png")
    found = {fingerprint(find_targets([tmp_path / folder], None)) for folder in "aca"}
    shard(tmp_path / "a.tar", "x.png")
    tar = fingerprint(find_targets([tmp_path / "a.tar"], None))
    assert tar == fingerprint(find_targets([tmp_path / "a.tar"], None))
    for path, given in ((tmp_path / "a.tar", "a.tar"), (tmp_path / "a" / "x.png", "a")):
        os.utime(path, ns=(0, 10**18))
        found.add(fingerprint(find_targets([tmp_path / given], None)))
    assert len(found | {tar}) == 5
