"""One job: its settings, its devices, its scheduler, and the files that it writes."""
