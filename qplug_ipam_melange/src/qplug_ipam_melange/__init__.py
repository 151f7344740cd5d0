"""The IPAM and MAC drivers ``melange``: addresses kept by a Melange server."""
