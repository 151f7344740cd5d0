"""The DHCP driver ``dnsmasq`` of qplug."""
