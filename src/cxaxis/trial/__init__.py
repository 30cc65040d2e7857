"""Protocols, the counterfactual pool, allocated trials, endpoints and their tables."""
