"""The population engine beside other solvers: time against achieved error, memory, growth."""
