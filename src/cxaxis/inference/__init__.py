"""Calibration of the cell model: the problem, its objective, the fit and what it leaves open."""
