"""Recipe: a Celery worker whose tasks stop in the middle and put the rest back into the queue.

The flag becomes Celery's own warm shutdown (SIGTERM to its main process), which takes no new task
and waits for those that run; these look at the flag, so that this wait is short. Celery delivers
at least once: what was put back while it stops may be in the queue twice.

    stopctl run --grace 60s -- celery -A celery_worker worker
"""

import os
import signal
import time
from typing import Any

import stopctl
from celery import Celery
from celery.signals import worker_ready

QUEUE = os.environ.get("CELERY_QUEUE_DIRECTORY", "/tmp/celery-queue")
app = Celery("celery_worker", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": QUEUE,
    "data_folder_out": QUEUE,
    "control_folder": QUEUE + "-control",
}


@worker_ready.connect
def obey(**_: Any) -> None:
    stopctl.flag().on_stop(lambda: os.kill(os.getpid(), signal.SIGTERM))


@app.task
def count(start: int, end: int) -> None:
    print(f"counting from {start}", flush=True)
    reached = start
    for number in stopctl.flag().until(range(start, end)):
        time.sleep(0.01)
        reached = number + 1
    if reached < end:
        count.delay(reached, end)
        print(f"put back from {reached}", flush=True)


if __name__ == "__main__":
    os.makedirs(QUEUE, exist_ok=True)
    count.delay(0, 1_000_000)
