"""The Python client behind the conformance protocol: a command on each line of standard input, an
answer on each line of standard output."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "clients", "python"))

import stopctl  # noqa: E402


def known(value):
    return "-" if value is None else value


def answer(stop, command, *arguments):
    if command == "supervised":
        return "yes" if stop.supervised else "no"
    if command == "look":
        return "stop" if stop.is_set() else "run"
    if command == "request":
        request = stop.request()
        if request is None:
            return "none"
        return f"{request.level} {known(request.reason)} {known(request.deadline_ns)}"
    if command == "wait":
        return "stop" if stop.wait(int(arguments[0]) / 1000) else "timeout"
    raise ValueError(command)


def main():
    stop = stopctl.flag()
    for line in sys.stdin:
        print(answer(stop, *line.split()), flush=True)


main()
