"""The virtual bench: one cell of a dish under ligand, drugs, inhibitors and low oxygen."""
