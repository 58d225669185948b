"""One module per sampler; ``coldstart.selection.base`` says what a sampler is."""
