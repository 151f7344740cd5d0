"""Networks and ports for qplug at a Quantum server of 2012."""
