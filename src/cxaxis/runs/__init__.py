"""Run directories, blocks, tables with units, executors and progress: how results reach the disk.

Nothing here knows what is being run. A run directory is opened with a key made of everything
that decides its content; work is cut into blocks that survive an interruption; tables have
the same bytes for the same content; the manifest comes last and makes the run complete.
"""
