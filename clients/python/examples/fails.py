"""A worker that raises an exception by itself, while others of its run go on.

Its status is kept, and the stop that comes later is no error.

    stopctl run -n 2 -- python3 fails.py
"""

import os

import stopctl


def main() -> None:
    stop = stopctl.flag()
    print("working", flush=True)
    if os.environ.get("STOPCTL_WORKER") == "0":
        raise ValueError("a row that nobody can read")
    stop.wait()
    print("left", flush=True)


if __name__ == "__main__":
    main()
