"""Processes that are stopped separately: each worker of a run has a flag of its own.

    stopctl run --name shards -n 3 -- python3 separately.py
    stopctl stop shards --worker 1
"""

import os
import time

import stopctl


def main() -> None:
    worker = int(os.environ.get("STOPCTL_WORKER", "0"))
    workers = int(os.environ.get("STOPCTL_WORKERS", "1"))
    stop = stopctl.flag()
    print(f"worker {worker} has the shards {worker}, {worker + workers}, …", flush=True)
    shard = worker
    while not stop.is_set():
        time.sleep(0.01)  # work on the shard
        shard += workers
    print(f"worker {worker} left before shard {shard}", flush=True)


if __name__ == "__main__":
    main()
