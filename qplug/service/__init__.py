"""The manager service of a host, ``qplug-manager``: operations from the bus, and periodic jobs."""
