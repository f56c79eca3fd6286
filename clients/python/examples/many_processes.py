"""One stop for many processes: a program that starts its own, and gives each the same flag.

    stopctl run -- python3 many_processes.py spawn
"""

import multiprocessing
import sys
import time

import stopctl


def work(stop: stopctl.Flag, number: int) -> None:
    print(f"process {number} works", flush=True)
    while not stop.is_set():
        time.sleep(0.01)
    print(f"process {number} left", flush=True)


def main(method: str) -> None:
    multiprocessing.set_start_method(method)
    stop = stopctl.flag()
    processes = [multiprocessing.Process(target=work, args=(stop, n)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print("exit codes:", *[process.exitcode for process in processes], flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
