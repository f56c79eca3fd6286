"""Recipe: a download loop that can stop in the middle of a file, and goes on there next time.

The same with requests: ``stop.until(response.iter_content(CHUNK))``.

    stopctl run -- python3 download.py DIRECTORY URL...
"""

import os
import sys
import urllib.request

import stopctl

CHUNK = 1 << 16
# Seconds that a read may hang: the flag is looked at between two of them.
TIMEOUT = 5


def download(stop: stopctl.Flag, url: str, path: str) -> bool:
    """Whether the whole file is there."""
    part = path + ".part"
    have = os.path.getsize(part) if os.path.exists(part) else 0
    request = urllib.request.Request(url)
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        # A server that knows no ranges sends it all again.
        with open(part, "ab" if response.status == 206 else "wb") as file:
            print(f"from byte {file.tell()}: {url}", flush=True)
            for chunk in stop.until(iter(lambda: response.read1(CHUNK), b"")):
                file.write(chunk)
    if stop.is_set():
        return False
    os.replace(part, path)
    return True


def main(directory: str, *urls: str) -> None:
    stop = stopctl.flag()
    whole = 0
    for url in stop.until(urls):
        whole += download(stop, url, os.path.join(directory, url.rsplit("/", 1)[-1]))
    print(f"{whole} of {len(urls)} files", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
