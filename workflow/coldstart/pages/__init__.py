"""Pages that are opened from disk, to look at images and at what samplers pick of them."""
