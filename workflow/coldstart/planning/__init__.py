"""The plan: every artefact and what it is made from, before any of it is made."""
