"""Measure how good a map is."""

from ke_widgets.metrics.baselines import blur as blur
from ke_widgets.metrics.faithfulness import deletion as deletion
from ke_widgets.metrics.faithfulness import insertion as insertion
from ke_widgets.metrics.faithfulness import step_by_step as step_by_step
from ke_widgets.metrics.localisation import pointing_game as pointing_game
