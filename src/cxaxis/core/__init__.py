"""Ids, units, random streams, errors and outcomes: what every room may use."""
