"""Recipe: a PyTorch training loop that saves a checkpoint when it is asked, and goes on from it.

    stopctl run --grace 60s -- python3 torch_train.py checkpoint.pt
"""

import os
import sys
from typing import Any, Dict

import stopctl
import torch

EPOCHS, BATCHES = 1000, 1000


def save(path: str, state: Dict[str, Any]) -> None:
    # Whole or not at all: SIGKILL may come while it is written.
    torch.save(state, path + ".new")
    os.replace(path + ".new", path)


def main(path: str) -> None:
    stop = stopctl.flag()
    model = torch.nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    step = 0
    if os.path.exists(path):
        state = torch.load(path)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    print(f"training from step {step}", flush=True)
    for _step in stop.until(range(step, EPOCHS * BATCHES)):
        data = torch.randn(32, 8)
        loss = torch.nn.functional.mse_loss(model(data), data.sum(1, keepdim=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
    save(path, {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step})
    print(f"saved at step {step}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
