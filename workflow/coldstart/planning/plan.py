"""The plan: every artefact and what it is made from, up to the figures.

The plan knows the way of the data and nothing of Snakemake; the rules ask it for a job's parameters
and for the pointers that the job waits for.
"""

from coldstart.config.load import Loaded
from coldstart.planning.cycles import Cycles
from coldstart.planning.data import Data
from coldstart.planning.encoders import Encoders
from coldstart.planning.figures import Figures
from coldstart.planning.maker import Maker
from coldstart.store import Store


class Plan:
    """All plans of a run, each of which builds on those before it.

    Attributes:
        maker: names artefacts by their keys, and knows what the stores have.
        data: images, labels and pools.
        encoders: encoders, embeddings and scores.
        cycles: selections, learners and their metrics.
        figures: figures and tables.
    """

    def __init__(self, loaded: Loaded, store: Store) -> None:
        self.config, self.recipes, self.store = loaded.config, loaded.recipes, store
        self.maker = Maker(loaded, store)
        self.data = Data(self.maker)
        self.encoders = Encoders(self.maker, self.data)
        self.cycles = Cycles(self.maker, self.data, self.encoders)
        self.figures = Figures(self.maker, self.data, self.encoders, self.cycles)
