"""A server for the download recipe: the first request drips, later ones are served at once."""

import http.server
import itertools
import sys
import threading
import time

CONTENT = b"".join(b"%09d\n" % number for number in range(100_000))
PIECE = 1000
requests = itertools.count()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.headers.get("Range")
        start = 0 if asked is None else int(asked[len("bytes=") : -1])
        pause = 0.05 if next(requests) == 0 else 0
        self.send_response(200 if asked is None else 206)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        try:
            for at in range(start, len(CONTENT), PIECE):
                self.wfile.write(CONTENT[at : at + PIECE])
                time.sleep(pause)
        except ConnectionError:
            return

    def log_message(self, *_):
        """Nobody reads it."""


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    print("port", server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # Ends with whoever started it.
    sys.stdin.read()
