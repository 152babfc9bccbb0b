import pytest

from ke_widgets.widget.features import images
from tests.widget.comm.fakes import Told


def reply(*request):
    (found,) = images.answer(Told(), images.Request(*request), lambda: None)
    return found


def test_of_thumbnails_one_that_cannot_be_read_is_empty_and_a_whole_picture_is_an_error():
    found = reply([1, 9], 4)
    assert (found.content["sizes"], found.buffers) == ([[5, 4], [0, 0]], [b"1 of 4", b""])
    with pytest.raises(ValueError, match=r"There is no image 9."):
        reply([1, 9], 0)


def test_it_is_said_which_images_and_how_large():
    found = reply([2, 0], 0)
    assert found.content == {"indices": [2, 0], "size": 0, "sizes": [[5, 4], [5, 4]]}
    assert found.buffers == [b"2 of 0", b"0 of 0"]
