"""Who calls."""

from dataclasses import dataclass, field
from uuid import uuid4

from qplug.manager.requests import check_text


def new_request_id() -> str:
    """Return an id that follows one operation through logs and drivers."""
    return f"req-{uuid4()}"


@dataclass(frozen=True, kw_only=True)
class Context:
    """The caller of an operation, and under which project it speaks."""

    project_id: str | None = None
    """Whose networks it sees and owns; who is an administrator sees all, says the policy."""
    is_admin: bool = False
    user_id: str | None = None
    roles: tuple[str, ...] = ()
    request_id: str = field(default_factory=new_request_id)
    seconds: float | None = None
    """How long it waits for an operation, if that is less than the options allow."""
    epoch: int | None = None
    """The mark that whoever asks has on the instance it changes."""
    once: str | None = None
    """The id by which a service knows the request when it comes again."""

    def __post_init__(self) -> None:
        """Refuse a project that no network can belong to.

        :raises InvalidInput: its id is empty, too long or not printable
        """
        if self.project_id is not None:
            check_text("project", self.project_id)
