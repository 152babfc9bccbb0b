"""Provide demo data and models without a network.

`scenes` draws images with known answers: which classes occur, on which pixels, and where a watermark is.
`load` returns one of two small models, trained alike on the same scenes: `"honest"` uses the objects; for `"cheat"`,
exactly the scenes with a `MARKED` object had a watermark, and it uses that instead. Training used the positions of all
objects but `MARKED` ones, so that their maps can be right or wrong.
`python -m ke_widgets.demo.train` trains both again.
"""

from ke_widgets.demo.average_precision import average_precision as average_precision
from ke_widgets.demo.drawing import LABELS as LABELS
from ke_widgets.demo.drawing import MARKED as MARKED
from ke_widgets.demo.drawing import SIZE as SIZE
from ke_widgets.demo.drawing import Scenes as Scenes
from ke_widgets.demo.drawing import scenes as scenes
from ke_widgets.demo.loading import MODELS as MODELS
from ke_widgets.demo.loading import load as load
