import dataclasses

import pytest

from ke_widgets.widget.session.choice import Choice

CHOICE = Choice(2, "block/conv", 1, "gradcam", {"channels": "max"})


def test_equal_choices_have_one_key_and_every_field_counts():
    assert Choice(**vars(CHOICE)).key == CHOICE.key
    other = {"image_index": 3, "layer": "stem", "class_index": 0, "method": "cam", "params": {}}
    other |= {"contrast_index": 0, "model_index": 1}
    assert set(other) == {field.name for field in dataclasses.fields(Choice)}
    keys = {dataclasses.replace(CHOICE, **{name: value}).key for name, value in other.items()}
    assert len(keys | {CHOICE.key}) == 1 + len(other)


def test_a_choice_stays_as_it_is():
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(CHOICE, "layer", "stem")  # noqa: B010
