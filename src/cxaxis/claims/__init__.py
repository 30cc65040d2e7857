"""The ledger: one check per claim of the review, its control, and the verdict that follows."""
