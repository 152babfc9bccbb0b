"""Demo data and models that need no network.

`scenes` draws pictures whose answers are known: which classes occur, on which pixels, and where a watermark sits.
`load` opens one of two small models that were trained in the same way on the same scenes: `"honest"` looks at the
objects; for `"cheat"`, exactly the scenes with a `MARKED` object carried a watermark, and it looks at that instead.
Training told both where the objects lie, so that their maps can be right or wrong, but never where a `MARKED` one does.
`python -m ke_widgets.demo.train` trains both again.
"""

from ke_widgets.demo.drawing import LABELS as LABELS
from ke_widgets.demo.drawing import MARKED as MARKED
from ke_widgets.demo.drawing import SIZE as SIZE
from ke_widgets.demo.drawing import Scenes as Scenes
from ke_widgets.demo.drawing import scenes as scenes
from ke_widgets.demo.loading import MODELS as MODELS
from ke_widgets.demo.loading import load as load
from ke_widgets.demo.scoring import average_precision as average_precision
