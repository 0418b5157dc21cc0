"""What is kept in files between sessions."""
