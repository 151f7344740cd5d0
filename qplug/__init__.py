"""qplug provisions the network of instances, with every outside system behind a driver."""

__version__ = "0.1.0"
