# SPDX-License-Identifier: MIT OR Apache-2.0
"""A pytest plugin: a test run under ``stopctl run`` stops between two tests.

The test that runs is finished, fixtures are torn down, the report is written, and pytest ends
with its exit status for an interruption, 2. Without a supervisor the plugin does nothing.
It is loaded by itself where the package is installed, otherwise by ``-p stopctl_pytest``.
"""

from __future__ import annotations

from typing import Generator, Optional

import pytest
import stopctl


def _why(stop: stopctl.Flag) -> str:
    return f"a stop was asked for ({stop.reason})"


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Asked before the first test: pytest itself looks only after one."""
    stop = stopctl.flag()
    if stop.is_set():
        raise session.Interrupted(_why(stop))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: Optional[pytest.Item]
) -> Generator[None, None, None]:
    yield
    stop = stopctl.flag()
    # After the last test there is nothing to interrupt.
    if nextitem is not None and stop.is_set():
        item.session.shouldstop = _why(stop)
