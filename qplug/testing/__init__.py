"""What vendors test their drivers with; the only part of qplug that imports pytest.

Inherit the suite of the kind: :class:`~qplug.testing.ipam.IpamDriverSuite`,
:class:`~qplug.testing.quantum.QuantumDriverSuite`, :class:`~qplug.testing.mac.MacDriverSuite`,
:class:`~qplug.testing.l3.L3DriverSuite` or :class:`~qplug.testing.dhcp.DhcpDriverSuite`.
Then see what is left when something goes wrong with your driver in place:
:class:`~qplug.testing.failing.FailSuite`, :class:`~qplug.testing.crash.KillSuite`,
:class:`~qplug.testing.crash.PauseSuite` and :class:`~qplug.testing.auditing.AuditSuite`.
"""

import pytest

# Before any of them is imported, so that a failed assert of theirs shows its values.
pytest.register_assert_rewrite(
    *[
        f"{__name__}.{module}"
        for module in (
            "suite",
            "migrations",
            "ipam",
            "quantum",
            "mac",
            "l3",
            "dhcp",
            "auditing",
            "failing",
            "crash",
        )
    ]
)
