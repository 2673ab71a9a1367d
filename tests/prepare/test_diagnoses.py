from __future__ import annotations

import pytest

from sansa_lightning.prepare.diagnoses import by_diagnosis

TABLE = "ID,Class\nISIC_0000001,nevus\nISIC_0000002,melanoma\nISIC_0000003,seborrheic_keratosis\n"
OFFICIAL = "ISIC2018_Task1-2_Training_Input"


def test_images_go_to_the_folder_of_their_diagnosis(tmp_path):
    (tmp_path / "class_id.csv").write_text(TABLE.replace("\n", "\r\n"))
    destination = by_diagnosis(tmp_path)
    for number in (1, 2, 3):
        wanted = f"{OFFICIAL}/{number}/ISIC_000000{number}.jpg"
        assert destination(f"{OFFICIAL}/ISIC_000000{number}.jpg") == wanted
        assert destination(f"archive/{wanted}") == wanted
    for other in ("ISIC_0000004.jpg", "LICENSE.txt", "ISIC_0000001_superpixels.png"):
        assert destination(f"{OFFICIAL}/{other}") is None


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    (tmp_path / "class_id.csv").write_text(TABLE, encoding="utf-8-sig")
    assert by_diagnosis(tmp_path)(f"{OFFICIAL}/ISIC_0000002.jpg") == f"{OFFICIAL}/2/ISIC_0000002.jpg"


def test_an_image_may_be_there_twice_if_both_lines_agree(tmp_path):
    (tmp_path / "class_id.csv").write_text(TABLE + "ISIC_0000002,melanoma\n")
    assert by_diagnosis(tmp_path)(f"{OFFICIAL}/ISIC_0000002.jpg") == f"{OFFICIAL}/2/ISIC_0000002.jpg"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,label\nISIC_1,nevus\n", "expected the columns ID and Class, but got image, label"),
        ("", "expected the columns ID and Class, but got nothing"),
        ("ID,Class\nISIC_1,wart\n", "line 2: expected one of nevus, melanoma, seborrheic keratosis, but got 'wart'"),
        ("ID,Class\nISIC_1\n", "line 2: expected one of nevus, .* but got 'None'"),
        ("Class,ID\nnevus\n", "line 2: expected an image in the column ID, but got nothing"),
        ("ID,Class\nISIC_1,nevus\n ,nevus\n", "line 3: expected an image in the column ID, but got nothing"),
        (f"ID,Class\n{'x' * 200_000},nevus\n", r"line 2: expected a table with commas, but got: field larger than"),
        (f"{'x' * 200_000},Class\n", r"line 1: expected a table with commas, but got: field larger than field limit"),
        (
            "ID,Class\nISIC_1,nevus\nISIC_2,nevus\nISIC_1,melanoma\n",
            "line 4: expected ISIC_1 to be nevus as above, but got melanoma",
        ),
    ],
)
def test_another_table_is_refused(tmp_path, text, message):
    (tmp_path / "class_id.csv").write_text(text)
    with pytest.raises(ValueError, match=rf"class_id\.csv(, |: ){message}"):
        by_diagnosis(tmp_path)


def test_a_table_in_another_encoding_is_named(tmp_path):
    (tmp_path / "class_id.csv").write_bytes(b"ID,Class\nISIC_1,n\xe6vus\n")
    with pytest.raises(ValueError, match=r"class_id.csv, line 2: expected text in UTF-8, but got b'ISIC_1,n.xe6vus'"):
        by_diagnosis(tmp_path)


def test_without_the_table(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"class_id.csv is not there; expected data/isic/class_id.csv of"):
        by_diagnosis(tmp_path)
