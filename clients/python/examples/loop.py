"""A loop that looks at the flag between two pieces of work.

    stopctl run -- python3 loop.py
"""

import time

import stopctl


def main() -> None:
    stop = stopctl.flag()
    print("working", flush=True)
    pieces = 0
    while not stop.is_set():
        time.sleep(0.01)  # a piece of work
        pieces += 1
    print(f"left after {pieces} pieces, because of {stop.reason}", flush=True)


if __name__ == "__main__":
    main()
