"""Uvicorn's protocols, and the one process they serve in."""
