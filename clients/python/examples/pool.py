"""Tasks in a ProcessPoolExecutor that stop in the middle and return what they have.

Tasks that are still in the queue start, see the flag at once, and return an empty result.

    stopctl run -- python3 pool.py forkserver
"""

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import List

import stopctl

NUMBERS = 1_000_000


def squares(stop: stopctl.Flag, task: int) -> List[int]:
    print(f"task {task} begins", flush=True)
    done = []
    for number in stop.until(range(NUMBERS)):
        time.sleep(0.01)
        done.append(number * number)
    return done


def main(method: str) -> None:
    stop = stopctl.flag()
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(max_workers=2, mp_context=context) as pool:
        tasks = [pool.submit(squares, stop, task) for task in range(6)]
        parts = [len(task.result()) for task in tasks]
    print(f"{len(parts)} results, partial: {all(part < NUMBERS for part in parts)}")
    print(f"{sum(parts)} squares", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
