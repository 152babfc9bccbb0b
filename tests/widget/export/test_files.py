import pytest

from ke_widgets.widget.export.files import check_path, whole_file


def test_a_file_is_replaced_only_when_it_is_whole(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="disk full"):
        _fail(path)
    assert path.read_text() == "old"
    with whole_file(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    with whole_file(path) as partial:
        partial.write_text("taken back")
        partial.unlink()
    assert path.read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["file.txt"]


def _fail(path):
    with whole_file(path) as partial:
        partial.write_text("ne")
        raise OSError("disk full")


def test_a_folder_and_a_file_in_no_folder_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere" / "file.txt"):
        with pytest.raises(ValueError, match="`path` must name a file in a folder that exists"):
            check_path(path)
