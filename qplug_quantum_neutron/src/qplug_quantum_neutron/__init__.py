"""Networks and ports for qplug at Neutron."""
