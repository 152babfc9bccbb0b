import threading

from ke_widgets.widget.comm.worker import Worker

LONG = 20  # seconds; a test that waits so long has failed


class Gate:
    """A `run` that reports what it starts and holds it until the test opens the gate."""

    def __init__(self):
        self.started = threading.Event()
        self.open = threading.Event()
        self.ran = []
        self.cancelled = []

    def __call__(self, request, why_stop):
        self.started.set()
        assert self.open.wait(LONG)
        self.ran.append(request)
        self.cancelled.append(why_stop())


def failed(request, error):
    raise AssertionError(f"{request} failed: {error}")


def test_the_newest_request_wins_and_the_others_are_given_back():
    gate = Gate()
    worker = Worker(gate, failed)
    assert worker.submit(1) is None
    assert gate.started.wait(LONG)
    assert [worker.submit(2), worker.submit(3), worker.submit(4)] == [None, 2, 3]
    assert not worker.wait(0.01)
    gate.open.set()
    assert worker.wait(LONG)
    assert gate.ran == [1, 4]
    worker.close()


def test_tasks_go_before_the_waiting_request():
    gate = Gate()
    worker = Worker(gate, failed)
    worker.submit(1)
    assert gate.started.wait(LONG)
    worker.submit(2)
    worker.run_soon(lambda: gate.ran.append("task"))
    gate.open.set()
    assert worker.wait(LONG)
    assert gate.ran == [1, "task", 2]
    worker.close()


def test_cancel_reaches_the_running_request_and_not_the_next():
    gate = Gate()
    worker = Worker(gate, failed)
    worker.submit(1)
    assert gate.started.wait(LONG)
    worker.submit(2)
    assert worker.cancel() == [2]
    worker.submit(3)
    gate.open.set()
    assert worker.wait(LONG)
    assert (gate.ran, gate.cancelled) == ([1, 3], ["cancelled", None])
    worker.close()


def test_each_sender_has_a_place_of_its_own_and_they_take_turns():
    gate = Gate()
    worker = Worker(gate, failed)
    worker.submit("first")
    assert gate.started.wait(LONG)
    worker.submit("a1", "a")
    worker.submit("b1", "b")
    assert worker.submit("a2", "a") == "a1"
    gate.open.set()
    assert worker.wait(LONG)
    assert gate.ran == ["first", "a2", "b1"]
    assert set(gate.cancelled) == {None}, "a request of another sender does not stop one that runs"
    worker.close()


def test_a_running_request_is_told_that_a_newer_one_waits():
    gate = Gate()
    worker = Worker(gate, failed)
    worker.submit(1)
    assert gate.started.wait(LONG)
    worker.submit(2)
    gate.open.set()
    assert worker.wait(LONG)
    assert gate.cancelled == ["superseded", None]
    worker.close()


def test_a_request_that_fails_is_reported_and_the_next_one_runs():
    seen, ran = [], []

    def run(request, why_stop):
        if request == "bad":
            raise ValueError("no")
        ran.append(request)

    worker = Worker(run, lambda request, error: seen.append((request, str(error))))
    worker.submit("bad")
    assert worker.wait(LONG)
    worker.run_soon(lambda: 1 / 0)
    worker.submit("good")
    assert worker.wait(LONG)
    assert (seen, ran) == ([("bad", "no")], ["good"])
    worker.close()


def test_idle_comes_once_after_the_work():
    rested = threading.Event()
    count = []
    worker = Worker(lambda request, why_stop: None, failed, lambda: count.append(1) or rested.set(), rest=0.01)
    worker.submit(1)
    assert rested.wait(LONG)
    assert not threading.Event().wait(0.1)
    assert count == [1]
    worker.close()


def test_close_ends_the_thread():
    worker = Worker(lambda request, why_stop: None, failed)
    worker.submit(1)
    assert worker.wait(LONG)
    worker.close()
    worker._thread.join(LONG)
    assert not worker._thread.is_alive()
    worker.submit(2)
    assert worker.wait(LONG)


def test_what_waits_and_what_runs_is_pending():
    gate = Gate()
    worker = Worker(gate, failed)
    assert worker.pending() == []
    worker.submit(1)
    assert gate.started.wait(LONG)
    worker.submit(2)
    assert sorted(worker.pending()) == [1, 2]
    gate.open.set()
    assert worker.wait(LONG)
    assert worker.pending() == []
    worker.close()


def test_at_rest_it_is_called_again_for_as_long_as_it_wants():
    pauses = iter([0.0, 0.0, None])
    rested = threading.Event()

    def idle():
        pause = next(pauses)
        if pause is None:
            rested.set()
        return pause

    worker = Worker(lambda request, why_stop: None, failed, idle, rest=0.0)
    worker.submit(1)
    assert rested.wait(LONG)
    worker.close()
