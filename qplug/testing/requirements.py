"""What tests need of the machine they run on."""

import os

import pytest

VARIABLE = "QPLUG_TEST_REQUIRE"
"""``all`` where everything was installed, so that what is missing is a failure."""


def require(found: object, sentence: str) -> None:
    """Skip the test, or fail it where everything should be there, unless something was found.

    :param sentence: what is missing, and what to install or to start
    """
    if found:
        return
    if os.environ.get(VARIABLE) == "all":
        pytest.fail(f"{sentence} ({VARIABLE}=all)", pytrace=False)
    pytest.skip(sentence)
