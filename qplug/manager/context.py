"""Who calls."""

from dataclasses import dataclass, field
from uuid import uuid4


def new_request_id() -> str:
    """Return an id that follows one operation through logs and drivers."""
    return f"req-{uuid4()}"


@dataclass(frozen=True, kw_only=True)
class Context:
    """The caller of an operation, and under which project it speaks."""

    project_id: str | None = None
    """Whose networks it sees and owns; an administrator without one sees all."""
    is_admin: bool = False
    user_id: str | None = None
    roles: tuple[str, ...] = ()
    request_id: str = field(default_factory=new_request_id)

    @property
    def sees(self) -> str | None:
        """The project whose things the caller may see; ``None`` means everything."""
        return None if self.is_admin else self.project_id or ""
