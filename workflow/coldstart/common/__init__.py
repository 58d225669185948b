"""Modules that every part uses: errors, progress, files of users and their names."""
