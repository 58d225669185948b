"""Self-supervised pretraining: one trainer, one module per method."""
