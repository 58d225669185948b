"""Training of networks: the trainer, optimisers, augmentation, backbones and resume."""
