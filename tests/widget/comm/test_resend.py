from ke_widgets.widget.comm.resend import Resend


def test_a_state_is_said_ever_later_until_it_was_seen():
    said = []
    telling = Resend(said.append)
    assert telling.rest() is None
    telling.changed()
    assert [telling.rest() for _ in range(3)] == [1, 2, 4]
    assert said == [1, 1, 1]
    telling.ack(1)
    assert telling.rest() is None
    assert len(said) == 3


def test_a_newer_state_has_to_be_seen_itself():
    said = []
    telling = Resend(said.append)
    telling.changed()
    telling.rest()
    telling.changed()
    telling.ack(1)
    assert telling.rest() == 1
    assert said == [1, 2]


def test_it_gives_up_where_nobody_listens():
    said = []
    telling = Resend(said.append)
    telling.changed()
    while telling.rest() is not None:
        assert len(said) < 20
    assert len(said) == 7
    telling.changed()
    assert telling.rest() == 1
