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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,label\nISIC_1,nevus\n", "expected the columns ID and Class, but got image, label"),
        ("", "expected the columns ID and Class, but got nothing"),
        ("ID,Class\nISIC_1,wart\n", "line 2: expected one of nevus, melanoma, seborrheic keratosis, but got 'wart'"),
        ("ID,Class\nISIC_1\n", "line 2: expected one of nevus, .* but got 'None'"),
    ],
)
def test_another_table_is_refused(tmp_path, text, message):
    (tmp_path / "class_id.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        by_diagnosis(tmp_path)


def test_without_the_table(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"class_id.csv is not there; expected data/isic/class_id.csv of"):
        by_diagnosis(tmp_path)
