"""Biology as Antimony text, its composition, and the SBML built from it."""
