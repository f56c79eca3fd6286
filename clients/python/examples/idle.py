"""A worker with nothing to do for 30 seconds at a time, which leaves at once when it is asked.

    stopctl run -n 4 -- python3 idle.py
"""

import os

import stopctl


def look_for_work() -> None:
    """Nothing today."""


def main() -> None:
    stop = stopctl.flag()
    print(f"waiting pid={os.getpid()}", flush=True)
    while not stop.wait(30):
        look_for_work()
    print(f"left, because of {stop.reason}", flush=True)


if __name__ == "__main__":
    main()
