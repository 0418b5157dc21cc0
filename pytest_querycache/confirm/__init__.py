"""Suspects measured again, in fresh processes, before anything is called a regression."""
