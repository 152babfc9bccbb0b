import pytest

from ke_widgets.errors.arguments import check_names, check_swapped, named, nearest


def test_the_nearest_name_is_found_whatever_its_case():
    assert nearest("Opasity", ["opacity", "colormap"]) == "opacity"
    assert nearest("xyz", ["opacity", "colormap"]) is None
    assert nearest("name", ["Name", "NAME"]) == "Name", "of two that differ in case the first"


def test_an_unknown_name_is_refused_with_the_nearest():
    check_names("ke.f", ["a"], ["a", "b"])
    with pytest.raises(TypeError, match=r"^`ke.f` has no argument 'labls'. Did you mean 'labels'\?$"):
        check_names("ke.f", ["labls"], ["labels"])
    with pytest.raises(TypeError, match=r"Did you mean 'labels'"):
        check_names("ke.f", ["labls"], ["x"], others=["labels"])
    with pytest.raises(TypeError, match=r"^`ke.f` has no argument 'q', nor has g. Known arguments: a, b.$"):
        check_names("ke.f", ["q"], ["a", "b"], also=", nor has g")


def test_a_named_function_refuses_keywords_and_is_itself_otherwise():
    @named("ke.double")
    def double(value, times=2):
        """Multiply."""
        return value * times

    assert (double(3), double(3, times=4), double.__doc__) == (6, 12, "Multiply.")
    with pytest.raises(TypeError, match=r"`ke\.double` has no argument 'tims'. Did you mean 'times'"):
        double(3, tims=4)


def test_two_arguments_in_each_others_place_are_named():
    check_swapped("model", "images", (1, 2), False)
    with pytest.raises(TypeError, match=r"`model` must come first, then `images`. Received: 1, then 2. Swap the two."):
        check_swapped("model", "images", (1, 2), True)
