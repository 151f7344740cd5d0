"""The L3 driver ``linux`` of qplug."""
