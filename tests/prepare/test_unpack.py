from __future__ import annotations

import struct
import zipfile

import numpy as np
import pytest

from fakes.archives import files_in, tarred, zipped
from sansa_lightning.prepare.benchmark import renamed
from sansa_lightning.prepare.unpack import unpack

ALL = renamed(r"(.*)", r"\1")
WHOLE = 10_000_000
PLAIN = {"set/a/1.jpg": b"one", "set/a/2.jpg": b"two!", "set/readme.txt": b"read"}
KINDS = {"zip": zipped, "tar": lambda *a: tarred(*a, mode="w"), "tar.gz": tarred}


@pytest.fixture(params=KINDS)
def pack(request, tmp_path):
    def write(members, links=None):
        path = tmp_path / f"x.{request.param}"
        path.write_bytes(KINDS[request.param](members, links))
        return path

    return write


def test_members_go_where_they_are_wanted(pack, tmp_path):
    root = tmp_path / "root"
    given = unpack(pack(PLAIN), root, renamed(r"set/(.*)\.jpg", r"pictures/\1.jpg")(root), WHOLE)
    assert given == {"pictures/a/1.jpg": 3, "pictures/a/2.jpg": 4}
    assert files_in(root) == {"pictures/a/1.jpg": b"one", "pictures/a/2.jpg": b"two!"}


def test_what_is_there_with_its_size_is_left(pack, tmp_path):
    root = tmp_path / "root"
    archive = pack(PLAIN)
    unpack(archive, root, ALL(root), WHOLE)
    (root / "set/a/1.jpg").write_bytes(b"ONE")
    (root / "set/a/2.jpg").write_bytes(b"tw")
    (root / "set/readme.txt").unlink()
    unpack(archive, root, ALL(root), WHOLE)
    assert files_in(root) == {**PLAIN, "set/a/1.jpg": b"ONE"}


@pytest.mark.parametrize("name", ["../x.jpg", "set/../../x.jpg", "/etc/x.jpg", "..\\x.jpg", "C:\\x.jpg", "a/..\\..\\x"])
def test_names_that_lead_out_are_refused_before_anything_is_written(pack, tmp_path, name):
    root = tmp_path / "root"
    before = files_in(tmp_path)
    archive = pack({**PLAIN, name: b"evil"})
    with pytest.raises(ValueError, match=r"x\.\w+(\.gz)?: the member .* leads out of the folder; expected relative"):
        unpack(archive, root, ALL(root), WHOLE)
    assert files_in(tmp_path).keys() == {*before, archive.name}


@pytest.mark.parametrize("aim", ["/etc/passwd", "../../secret", "set/a/1.jpg"])
def test_links_are_refused_and_unwanted_ones_never_made(pack, tmp_path, aim):
    root = tmp_path / "root"
    archive = pack(PLAIN, {"set/link.jpg": aim})
    with pytest.raises(ValueError, match=r"expected 'set/link.jpg' to be a plain file, but it is a link or a device"):
        unpack(archive, root, ALL(root), WHOLE)
    assert not root.exists()
    unpack(archive, root, renamed(r"(set/a/.*)", r"\1")(root), WHOLE)
    assert sorted(path.name for path in root.rglob("*")) == ["1.jpg", "2.jpg", "a", "set"]


def test_hard_links_are_refused(tmp_path):
    (tmp_path / "x.tar").write_bytes(tarred(PLAIN, {"set/hard.jpg": "=/etc/passwd"}, mode="w"))
    with pytest.raises(ValueError, match=r"hard.jpg' to be a plain file"):
        unpack(tmp_path / "x.tar", tmp_path / "root", ALL(tmp_path), WHOLE)


def test_a_folder_that_becomes_a_link_cannot_be_written_through(tmp_path):
    members = {"set/out/x.jpg": b"evil"}
    (tmp_path / "x.tar").write_bytes(tarred(members, {"set/out": str(tmp_path / "outside")}, mode="w"))
    (tmp_path / "outside").mkdir()
    with pytest.raises(ValueError, match="to be a plain file"):
        unpack(tmp_path / "x.tar", tmp_path / "root", ALL(tmp_path), WHOLE)
    assert not list((tmp_path / "outside").iterdir())


def test_more_than_was_expected_is_refused(pack, tmp_path):
    root = tmp_path / "root"
    bomb = pack({"set/zeros.jpg": bytes(5_000_000)})
    with pytest.raises(ValueError, match=r"expected at most 1.0 MB in it, but it declares 5.0 MB"):
        unpack(bomb, root, ALL(root), 1_000_000)
    assert not root.exists()


def test_a_zip_that_declares_less_than_it_holds(tmp_path):
    whole = zipped({"set/zeros.jpg": bytes(5_000_000)})
    (tmp_path / "x.zip").write_bytes(whole.replace(struct.pack("<I", 5_000_000), struct.pack("<I", 100)))
    with zipfile.ZipFile(tmp_path / "x.zip") as file:
        assert file.infolist()[0].file_size == 100
    with pytest.raises(ValueError, match=r"x.zip cannot be unpacked .*CRC"):
        unpack(tmp_path / "x.zip", tmp_path / "root", ALL(tmp_path), WHOLE)
    assert files_in(tmp_path / "root") == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0, 0.3, 0.7, 0.98])
def test_truncated_archives(tmp_path, kind, part):
    noise = np.random.default_rng(0).integers(0, 256, (5, 40_000), np.uint8)
    content = KINDS[kind]({f"set/{number}.jpg": row.tobytes() for number, row in enumerate(noise)})
    archive = tmp_path / f"x.{kind}"
    archive.write_bytes(content[: int(part * len(content))])
    if kind == "tar" and part == 0.98:  # what is cut off there is padding
        assert len(unpack(archive, tmp_path / "root", ALL(tmp_path), WHOLE)) == 5
        return
    with pytest.raises(ValueError, match=r"truncated\?"):
        unpack(archive, tmp_path / "root", ALL(tmp_path), WHOLE)
    written = files_in(tmp_path / "root")
    assert all(data == noise[int(name[4])].tobytes() for name, data in written.items())


def test_damage_in_the_middle(tmp_path):
    content = bytearray(zipped({"set/1.jpg": np.random.default_rng(0).integers(0, 256, 9000, np.uint8).tobytes()}))
    content[4000] ^= 255
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"x.zip cannot be unpacked"):
        unpack(tmp_path / "x.zip", tmp_path / "root", ALL(tmp_path), WHOLE)
    assert files_in(tmp_path / "root") == {}


def test_an_encrypted_zip(tmp_path):
    content = bytearray(zipped({"set/1.jpg": b"one"}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"x.zip cannot be unpacked .*encrypted"):
        unpack(tmp_path / "x.zip", tmp_path / "root", ALL(tmp_path), WHOLE)


def test_members_that_are_there_twice(pack, tmp_path):
    rule = renamed(r"(?:.*/)?(\w+\.jpg)", r"\1")(tmp_path)
    twice = {"data/set/1.jpg": b"one", "set/1.jpg": b"one"}
    assert unpack(pack(twice), tmp_path / "root", rule, WHOLE) == {"1.jpg": 3}
    with pytest.raises(ValueError, match=r"'data/set/1.jpg' and 'set/1.jpg' differ, but both would be 1.jpg"):
        unpack(pack({**twice, "set/1.jpg": b"other"}), tmp_path / "root", rule, WHOLE)


def test_another_archive_than_the_right_one(pack, tmp_path):
    with pytest.raises(ValueError, match=r"none of its 3 files is needed; is it the right"):
        unpack(pack(PLAIN), tmp_path / "root", renamed(r"coco/(.*)", r"\1")(tmp_path), WHOLE)
