"""A long call into C, which cannot look at the flag: on_stop interrupts it from another thread.

    stopctl run -- python3 long_query.py
"""

import sqlite3
import threading

import stopctl

# Counts for hours.
QUERY = """
WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count)
SELECT max(n) FROM count WHERE n < 1000000000000
"""


def main() -> None:
    stop = stopctl.flag()
    # It is interrupted from another thread: the connection must allow that.
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    finished = threading.Event()

    def interrupt() -> None:
        # Again and again: an interrupt that comes before the query runs is lost.
        while not finished.wait(0.05):
            connection.interrupt()

    print("asking", flush=True)
    try:
        with stop.on_stop(interrupt):
            connection.execute(QUERY).fetchall()
    except sqlite3.OperationalError as error:
        if not stop.is_set():
            raise
        print(f"the query ended: {error}", flush=True)
    finally:
        finished.set()


if __name__ == "__main__":
    main()
