"""A server with a loop of its own, which waits for connections and for the flag without a thread.

    stopctl run -- python3 selecting.py
"""

import selectors
import socket

import stopctl


def main() -> None:
    stop = stopctl.flag()
    with socket.create_server(("127.0.0.1", 0)) as server, selectors.DefaultSelector() as loop:
        loop.register(server, selectors.EVENT_READ)
        # A descriptor like any other; so it is for select.select and select.poll.
        loop.register(stop, selectors.EVENT_READ)
        print(f"serving at port {server.getsockname()[1]}", flush=True)
        while not stop.wait(0):
            for key, _ in loop.select():
                if key.fileobj is server:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(b"hello\n")
    print(f"left, because of {stop.reason}", flush=True)


if __name__ == "__main__":
    main()
