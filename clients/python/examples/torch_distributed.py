"""Recipe: ranks of a distributed training job that agree on the step at which they leave.

Each rank sees its flag at another moment. One that leaves alone lets the others hang in the next
collective call: so they reduce what they see, and all leave after the same step, or none.

    export MASTER_ADDR=127.0.0.1 MASTER_PORT=29500
    stopctl run -n 4 --grace 60s -- python3 torch_distributed.py
"""

import os

import stopctl
import torch
import torch.distributed as dist

# An agreement costs a round trip: not at every step, but well within the grace period.
AGREE_EVERY = 10


def all_agree_to_stop(stop: stopctl.Flag) -> bool:
    """Whether any rank was asked. All ranks get the same answer."""
    asked = torch.tensor([int(stop.is_set())])
    dist.all_reduce(asked, op=dist.ReduceOp.MAX)
    return bool(asked.item())


def main() -> None:
    rank, ranks = int(os.environ["STOPCTL_WORKER"]), int(os.environ["STOPCTL_WORKERS"])
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    stop = stopctl.flag()
    print("training", flush=True)
    step = 0
    while step % AGREE_EVERY or not all_agree_to_stop(stop):
        gradient = torch.randn(1000)
        dist.all_reduce(gradient)
        step += 1
    dist.barrier()
    print(f"rank {rank} left at step {step}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
