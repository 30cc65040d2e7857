"""Generated: response functions, their coefficients and their errors."""
