"""The ``cxaxis`` command: thin, quick to start, one clear message for every mistake."""
