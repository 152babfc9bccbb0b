"""The other side of handlers and controller: a session that computes nothing, and a worker that only notes."""

import functools
from types import SimpleNamespace
from typing import Any

import numpy as np

from ke_widgets.widget.comm import messages
from ke_widgets.widget.comm.controller import Controller
from ke_widgets.widget.comm.handlers import Handlers
from ke_widgets.widget.comm.jobs import Job
from ke_widgets.widget.features import FEATURES
from ke_widgets.widget.images.encoding import Encoded
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.explanation import Explanation
from ke_widgets.widget.session.results import Results


def choice(**changed):
    return Choice(**{"image_index": 0, "layer": "stem", "class_index": 1, "method": "gradcam", "params": {}, **changed})


def explained(value=1.0, done=1, total=1):
    """A map of one number."""
    return Explanation(
        map=np.full((1, 1), value),
        logits=np.zeros(1),
        unit=1,
        contrast=None,
        layer="stem",
        method="gradcam",
        params={},
        image_index=0,
        model_index=0,
        scores=np.array([0.2, 0.8]),
        scores_kind="probability",
        low=0.0,
        high=value,
        empty_reason=None,
        milliseconds=3.0,
        done=done,
        total=total,
    )


class Told:
    """A session, and all that handlers say: answers, what is kept, what the panel is told."""

    def __init__(self, pieces=1):
        self.pieces, self.weights, self.checked, self.prepared = pieces, [0], [], []
        self.answers, self.kept, self.panel = [], [], Panel()
        self.images = SimpleNamespace(encoded=self.picture)
        self.results, self.is_preparing = Results(), False
        self.models = [SimpleNamespace(steps=self.steps, generation=lambda: self.weights[0])]
        self.handlers = Handlers(self, self.answers.append, self.kept.append, lambda tell: tell(self.panel))

    def steps(self, choice):
        for done in range(1, self.pieces + 1):
            yield done, self.pieces, functools.partial(explained, float(done), done, self.pieces)

    def picture(self, index, size=8):
        if index > 2:
            raise ValueError(f"There is no image {index}.")
        return Encoded(b"%d of %d" % (index, size), (5, 4))

    def generations(self):
        return list(self.weights)

    def check(self, choice):
        self.checked.append(choice)

    def model_of(self, choice):
        return self.models[choice.model_index]

    def run(self, **fields):
        return explained()

    def prepare(self, choices, busy):
        self.prepared.append(choices)

    def ask(self, request, why_stop=lambda: None):
        self.handlers.run(request, why_stop)

    def job(self, name, request, id: Any = "j", pane: Any = 0):
        """Make a job whose messages are answers, and whose values are the panel's."""

        def send(job, message, value):
            if id is not None:
                self.answers.append(message)
            self.panel.hear(name, message[0], value)

        again = lambda job: None  # noqa: E731
        return Job(FEATURES[name], self, messages.Ask(name, id, request, pane), send, again, again)

    def contents(self, *names):
        return [tuple(content[name] for name in names) for content, _ in self.answers]


class Panel(list):
    """Notes what it is told, by the name of the method."""

    def __getattr__(self, name):
        return lambda *given: self.append((name, *given))


class Noting:
    """A worker that notes requests with their senders, and calls tasks at once."""

    def __init__(self):
        self.asked, self.dropped, self.waits = [], [], True

    def submit(self, request, sender=0):
        self.asked.append((request, sender))
        return self.dropped.pop() if self.dropped else None

    def run_soon(self, function):
        function()

    def cancel(self, meant):
        cancelled = [request for request, _ in self.asked if meant(request)]
        self.asked = [each for each in self.asked if each[0] not in cancelled]
        return cancelled

    def pending(self):
        return [request for request, _ in self.asked]

    def wait(self, timeout):
        return self.waits

    def works(self):
        return bool(self.asked)


class Wired(Controller):
    """A controller, and all that it says."""

    def __init__(self, **more):
        self.sent, self.adopted, self.weights, self.panel = [], [], [0], Panel()
        session = SimpleNamespace(
            results=Results(),
            generations=lambda: list(self.weights),
            check=self.check,
            is_preparing=False,
            prepare=lambda *given: None,
            models=[SimpleNamespace(is_compiled=False)],
        )
        tell = lambda function: function(self.panel)  # noqa: E731
        super().__init__(session, self.note, self.adopted.append, None, lambda: {"layer": "stem"}, tell, **more)
        self.worker, self.painter = Noting(), Noting()

    def note(self, content, buffers):
        self.sent.append(content)

    def check(self, choice):
        if choice.layer == "nowhere":
            raise ValueError("There is no layer 'nowhere'.")

    def hear(self, kind, **fields):
        self.receive({"kind": kind, **fields})

    def hear_explain(self, id, pane=0, kind="explain", **changed):
        self.hear(kind, id=id, pane=pane, choice=vars(choice(**changed)))
