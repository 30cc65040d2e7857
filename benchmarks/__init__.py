"""Measurements by hand: what a clock says judges the machine too, so none of this is a test."""
