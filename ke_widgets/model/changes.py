"""Change a tensor of a layer's call while its model runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Link = Literal["output", "input", "logits"]


@dataclass(frozen=True)
class Change:
    """Describe how to change the calls of a layer.

    Attributes:
        link: What changes: `"input"`, the arguments; `"output"`; or `"logits"`, what goes into the layer's fused
            activation (its outputs, if it has none).
        function: From what it is to what it becomes; the arguments are a pair `(args, kwargs)`.
    """

    link: Link
    function: Callable[[Any], Any]

    def of_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a call as the layer gets them."""
        return self.function((args, kwargs)) if self.link == "input" else (args, kwargs)

    def of_results(self, activation: Callable[[Any], Any] | None, outputs: Any, logits: Any) -> tuple[Any, Any]:
        """Return outputs and logits of a call as the model gets them; the logits are `None` if nothing is fused."""
        if self.link == "input":
            return outputs, logits
        if self.link == "output" or activation is None or logits is None:
            return self.function(outputs), logits
        logits = self.function(logits)
        return activation(logits), logits
