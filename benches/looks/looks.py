# A look and a wake in Python, for benches/looks/main.rs.
import sys

import stopctl

stop = stopctl.flag()
looks, rounds = int(sys.argv[1]), int(sys.argv[2])
if looks == 0:
    print("ready", flush=True)
    stop.wait()
    print("awake", flush=True)
    sys.exit()
for _ in range(rounds):
    print("begin", flush=True)
    for _ in range(looks):
        stop.is_set()
    print("end", flush=True)
