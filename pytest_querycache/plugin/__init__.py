"""The only floor that knows pytest."""
