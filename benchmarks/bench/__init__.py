"""The benchmark of fan-out: the same scenarios against Streamer and against its peers."""
