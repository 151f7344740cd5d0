"""The IPAM driver ``nova``: addresses kept in a SQL database."""
