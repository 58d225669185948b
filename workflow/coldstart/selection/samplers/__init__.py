"""One module per sampler, beside ``clustering`` and ``similarity``, which several of them share.

``coldstart.selection.base`` says what a sampler is.
"""
