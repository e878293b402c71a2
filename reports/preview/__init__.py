"""A run to come, told before anything is sent."""
