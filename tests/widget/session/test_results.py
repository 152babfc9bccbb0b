from ke_widgets.widget.session.results import Results
from tests.widget.comm.fakes import choice, explained


def test_the_newest_64_are_kept_and_found_by_their_choice():
    results = Results()
    for number in range(66):
        results.keep(choice(image_index=number), explained(number))
        if number == 64:
            results.keep(choice(image_index=2), explained(2.5))
    assert results.found(choice(image_index=2)).high == 2.5, "it was the newest for a while"
    assert [number for number in range(66) if results.found(choice(image_index=number)) is None] == [0, 1]
    assert [each.high for each in results.all()][-3:] == [64, 2.5, 65]
    results.clear()
    assert results.all() == []


def test_the_serial_grows_with_every_result_and_outlives_them():
    results = Results()
    assert [results.count(), results.count()] == [1, 2]
    results.clear()
    assert results.serial == 2
