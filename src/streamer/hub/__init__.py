"""Readers, feeds, cohorts and the fan-out."""
