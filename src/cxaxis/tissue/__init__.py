"""Fields, cells and their rules in space: a piece of tissue, minute by minute."""
