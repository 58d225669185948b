"""Coldstart: which images should be labelled first?

One sub-package per stage, named like its rule file, its tests and its folder under ``results/``:
``data``, ``ssl``, ``embeddings``, ``selection``, ``evaluation``, ``cycles``, ``figures``. Beside
them stands what every stage shares: ``config`` (recipes and studies), ``plan`` (what is made from
what), ``store`` (where artefacts live) and ``jobs`` (how a Snakemake job calls a stage).
"""
