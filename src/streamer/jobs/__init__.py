"""Jobs: their progress, their events, and the one that transcodes a video."""
