"""What the operator of a Melange server decides."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The settings of a Melange server that show on the wire; the defaults are its sample's."""

    dns1: str | None = "8.8.8.8"
    dns2: str | None = "8.8.4.4"
    """What a block gets that names no server of its own."""
    default_cidr: str | None = None
    """The block that an allocation makes on a network without one."""
    ipv6_generator: str = "tenant"
    """Or ``rfc2462``: how an IPv6 address is computed."""
    ip_allocation_retries: int = 5
    keep_deallocated_ips_for_days: float = 2
    job_always_runs: bool = False
    """Have cron run the job ``delete-deallocated-ips`` without a pause: after each request."""
    authorization: bool = False
    """Trust the headers ``X-Role`` and ``X-Tenant``, and refuse who has none."""
    fills_gateways: bool = False
    """Be a server from before 9 February 2012: a block without gateway gets its second address."""
    has_v1_0: bool = False
    """Be the branch of 10 February 2012, which had a v1.0 beside v0.1."""
