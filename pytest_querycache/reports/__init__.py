"""A gate's result in the forms people and programs read; nothing is decided here."""
