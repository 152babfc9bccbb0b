"""Methods of methods: means over noisy, or over scaled and mirrored, copies of the images; contrasts, and negatives.

`smooth(gradcam)` is a method, used like `gradcam`, with the same parameters. Equal calls return the same object, so
that compiled functions are reused.
"""

from ke_widgets.methods.meta.copies import tta as tta
from ke_widgets.methods.meta.noisy_gradients import smoothgrad as smoothgrad
from ke_widgets.methods.meta.noisy_gradients import squaregrad as squaregrad
from ke_widgets.methods.meta.noisy_gradients import vargrad as vargrad
from ke_widgets.methods.meta.scores import contrast as contrast
from ke_widgets.methods.meta.scores import negate as negate
from ke_widgets.methods.meta.smoothing import smooth as smooth
from ke_widgets.methods.spec import gather

METHODS = gather(__name__, "noisy_gradients")
