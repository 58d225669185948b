"""Files of users and for them: their paths, whole writes, texts and tables."""
