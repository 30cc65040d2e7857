"""Survival statistics and bootstrap intervals: thin over libraries, pinned to published numbers."""
