"""Recipe: ranks on any number of nodes that leave together, without a framework.

Each node has a run of its own, and each rank a flag of its own: they see a stop at different
moments, or only some of them do. So they tell each other what they see, and all leave after the
same step.

    export MASTER_ADDR=127.0.0.1 MASTER_PORT=29500
    stopctl run -n 4 --grace 60s -- python3 ranks.py

Under Slurm each task of the step is a run: see ranks.sbatch.
"""

import os
import socket
import time

import stopctl

# How long the other ranks may take to start.
PATIENCE = 60


class Ranks:
    """Connections of all the others to rank 0."""

    def __init__(self, rank: int, ranks: int, address: str, port: int) -> None:
        self.is_first = rank == 0
        if self.is_first:
            with socket.create_server(("", port), backlog=ranks) as server:
                server.settimeout(PATIENCE)
                self.others = [server.accept()[0] for _ in range(ranks - 1)]
        else:
            self.others = [connected(address, port)]

    def any(self, mine: bool) -> bool:
        """Whether it is true of any rank. All get the same answer; one that is gone says yes."""
        if not self.is_first:
            first = self.others[0]
            tell(first, mine)
            return heard(first)
        answers = [heard(other) for other in self.others]
        result = mine or any(answers)
        for other in self.others:
            tell(other, result)
        return result


def connected(address: str, port: int) -> socket.socket:
    """A connection to the first rank, which may not be there yet."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection((address, port), timeout=PATIENCE)
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def tell(other: socket.socket, what: bool) -> None:
    try:
        other.sendall(b"1" if what else b"0")
    except ConnectionError:
        pass  # It has died: the next that is heard of it says so.


def heard(other: socket.socket) -> bool:
    try:
        return other.recv(1) != b"0"
    except ConnectionError:
        return True


def main() -> None:
    worker, workers = int(os.environ["STOPCTL_WORKER"]), int(os.environ["STOPCTL_WORKERS"])
    run, runs = int(os.environ.get("SLURM_PROCID", 0)), int(os.environ.get("SLURM_NTASKS", 1))
    rank = run * workers + worker
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    ranks = Ranks(rank, runs * workers, address, port)
    stop = stopctl.flag()
    print(f"rank {rank} works", flush=True)
    step = 0
    while not ranks.any(stop.is_set()):
        time.sleep(0.01)  # a step, in which the ranks need each other
        step += 1
    print(f"rank {rank} left at step {step}", flush=True)


if __name__ == "__main__":
    main()
