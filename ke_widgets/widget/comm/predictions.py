"""Predictions of many images, a few at a time, so that a pick in the page never waits for all of them."""

import time

from ke_widgets.widget.comm import messages

_TURN_SECONDS = 0.05
_MOST_IMAGES = 32


class PredictionsJob:
    """Computes the answer to a `messages.Predictions`.

    Args:
        session: The `Session` that computes.
        request: A `messages.Predictions`.
        answer: Called with the answer, content and buffers, once it is complete.
        go_on: Called with this object when there is more to do and it wants another turn.

    Attributes:
        id: The id of the request.
    """

    def __init__(self, session, request, answer, go_on) -> None:
        self.id = request.id
        self._session = session
        self._request = request
        self._answer = answer
        self._go_on = go_on
        self._is_new = True
        self._count, self._most = 1, _MOST_IMAGES
        self._start_again(None)

    def waits(self, preparing: bool) -> bool:
        """Return whether to wait until the forward pass is compiled: eagerly, one image can delay a pick.

        Args:
            preparing: Whether compiling has begun. Ignored at the first call, which comes just before that.
        """
        may_come, self._is_new = preparing or self._is_new, False
        try:
            return may_come and not self._session.models[self._request.model_index].is_compiled
        except (IndexError, TypeError):
            return False  # There is no such model: the turn reports it.

    def turn(self) -> None:
        """Predict some more images; the caller may run other requests between two turns.

        Raises:
            ValueError: If there is no such image or model.
        """
        indices, model_index = self._request.indices, self._request.model_index
        started = time.monotonic()
        done = len(self._found[0])
        found = self._session.predictions(indices[done : done + self._count], model_index)
        generation = self._session.models[model_index].generation()
        if done and generation != self._generation:
            self._start_again(generation)  # All predictions of one answer are of the same weights.
        else:
            self._generation = generation
            for known, news in zip(self._found, found):
                known.extend(news)
        if len(self._found[0]) < len(indices):
            if time.monotonic() - started > _TURN_SECONDS:
                self._most = max(self._count // 2, 1)
            self._count = min(2 * self._count, self._most)
            self._go_on(self)
            return
        self._answer(messages.predictions(self.id, model_index, generation, indices, *self._found))

    def _start_again(self, generation):
        self._generation = generation
        self._found: tuple[list, list, list] = ([], [], [])
