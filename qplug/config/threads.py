"""oslo's libraries on real threads."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def on_threads() -> Iterator[None]:
    """Import oslo.messaging inside of this, if only to read its options.

    oslo.service would else choose eventlet for the whole process. It looks at eventlet all the
    same, which warns of itself whenever somebody does.

    :raises Exception: oslo.service raises what it likes where another choice was made before
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from oslo_service import backend
        except ImportError:
            yield  # without it there is nothing to choose
            return
        backend.init_backend(backend.BackendType.THREADING)
        yield
