"""Tests that are stopped between two of them, with their fixtures torn down.

    stopctl run -- python3 -m pytest -s -p stopctl_pytest test_between.py
"""

from typing import Iterator

import pytest
import stopctl


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    print("\ndatabase up", flush=True)
    yield "database"
    print("\ndatabase down", flush=True)


@pytest.fixture()
def table(database: str) -> Iterator[str]:
    yield database + ".table"
    print("\ntable dropped", flush=True)


@pytest.mark.parametrize("number", range(3))
def test_a_table(table: str, number: int) -> None:
    print(f"\ntest {number} runs", flush=True)
    # It is finished even though it is asked to stop in the middle.
    stopctl.flag().wait(30)
    print(f"\ntest {number} is finished", flush=True)
