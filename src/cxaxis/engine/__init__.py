"""SBML in, arrays out: the population simulator behind one protocol."""
