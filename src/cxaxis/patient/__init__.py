"""Regimens, one patient's course before and after diagnosis, and what clinicians would read."""
