"""What goes wrong with a service behind HTTP, whichever it is."""

from dataclasses import dataclass

from qplug.errors import DriverError, Unavailable


@dataclass(eq=False)
class ServiceUnreachable(Unavailable):
    """Nobody answered, or not in time, or not to the end."""

    service: str
    url: str
    reason: str
    attempts: int = 1

    def sentence(self) -> str:
        """Say where nobody answers, and why."""
        tried = f" (maximum attempts reached: {self.attempts})" if self.attempts > 1 else ""
        return (
            f"{self.service} at {self.url} does not answer: {self.reason}{tried}; try again later"
        )


@dataclass(eq=False)
class ServiceFailed(Unavailable):
    """The service, or what is in front of it, failed to do the request."""

    service: str
    request: str
    status: int
    detail: str

    def sentence(self) -> str:
        """Say what was asked, and what the server says is wrong with itself."""
        return (
            f"{self.service} failed at {self.request} with {self.status}: {self.detail}; "
            "try again later, and look into its log"
        )


@dataclass(eq=False)
class NotTheService(DriverError):
    """Something else answered, or what came is no answer of the service's."""

    service: str
    group: str
    request: str
    found: str

    def sentence(self) -> str:
        """Say what came."""
        return (
            f"{self.request} was answered with {self.found}, which is not what {self.service} "
            f"says; check where [{self.group}] says that it is"
        )


@dataclass(eq=False)
class ServiceNotTrusted(DriverError):
    """TLS does not come about: one of the two does not trust the other."""

    service: str
    group: str
    url: str
    reason: str

    def sentence(self) -> str:
        """Say what to set."""
        return (
            f"there is no TLS with {self.service} at {self.url}: {self.reason}; "
            f"see what [{self.group}] says of TLS, cafile and certfile"
        )


@dataclass(eq=False)
class ServiceForbids(DriverError):
    """The service does not believe who asks, or does not let them do it."""

    service: str
    group: str
    request: str
    status: int
    detail: str | None = None

    def sentence(self) -> str:
        """Say what to set."""
        if self.status == 401:
            return (
                f"{self.service} does not know who asks: {self.request} was answered with 401; "
                f"check the credentials in [{self.group}]"
            )
        why = f"{self.status}: {self.detail}" if self.detail else self.status
        return (
            f"{self.service} forbids {self.request} ({why}); "
            f"see in [{self.group}] as whom to ask, or give them the right to"
        )


@dataclass(eq=False)
class ServiceRefused(DriverError):
    """The service refused for a reason that the driver has no better name for."""

    service: str
    request: str
    status: int
    detail: str

    def sentence(self) -> str:
        """Say what the service says."""
        return f"{self.service} refused {self.request} with {self.status}: {self.detail}"
