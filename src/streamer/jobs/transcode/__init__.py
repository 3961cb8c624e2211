"""One kind of job, in a room of its own."""
