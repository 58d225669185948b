"""A user's own images: every one of them ranked, and handed over to whoever labels them."""
