"""Figures: a table in, axes out; one style, a unit on every axis, the same bytes every time."""
