"""A table that is of use only as a whole: whoever leaves before its end says so by status 75.

    stopctl run -- make          # with a rule "table: ; python3 whole.py 1000 >$@"

make deletes the part, if its file has a line ".DELETE_ON_ERROR:"; snakemake always does.
"""

import sys
import time

import stopctl


def main() -> None:
    stop = stopctl.flag()
    for number in stop.until(range(int(sys.argv[1]))):
        print(number, number * number, flush=True)
        time.sleep(0.001)
    if stop.is_set():
        stop.leave()


if __name__ == "__main__":
    main()
