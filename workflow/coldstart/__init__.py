"""Coldstart: which images should be labelled first?

One sub-package per stage, named like its rule file, its tests and its folder under ``results/``:
``data``, ``ssl``, ``embeddings``, ``selection``, ``evaluation``, ``cycles``, ``figures``. Beside
them stands what every stage shares: ``config`` (recipes and studies), ``plan`` (what is made from
what), ``store`` (where artefacts live) and ``jobs`` (how a Snakemake job calls a stage).
"""

import os

# OpenMP threads that wait for each other spin by default. Beside other work on the machine the one
# that they wait for gets no core meanwhile, and two threads take ten times as long as one. The
# runtimes of torch and scikit-learn read this when they are loaded, so it stands in the one module
# that every job imports first. What a user has set stays.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
