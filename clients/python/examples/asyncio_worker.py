"""A server in asyncio: the flag ends the wait, and the tasks are cancelled and awaited.

    stopctl run -- python3 asyncio_worker.py
"""

import asyncio

import stopctl


async def tick(name: str) -> None:
    try:
        while True:
            await asyncio.sleep(0.01)
    finally:
        print(f"{name} cleaned up", flush=True)


async def main() -> None:
    stop = stopctl.flag()
    tasks = [asyncio.ensure_future(tick(name)) for name in ("first", "second")]
    await asyncio.sleep(0)
    print("serving", flush=True)
    await stop.wait_async()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(f"left, because of {stop.reason}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
