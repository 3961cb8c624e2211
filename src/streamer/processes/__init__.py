"""A child, its parent, what keeps it, how it is stopped and logs."""
