"""An object that holds its own flag, and looks at it deep in its methods.

    stopctl run -- python3 own_flag.py
"""

import time

import stopctl


class Importer:
    def __init__(self) -> None:
        self.stop = stopctl.flag()
        self.rows = 0

    def run(self) -> None:
        while True:
            self.import_file()

    def import_file(self) -> None:
        for _row in range(1000):
            self.stop.check()  # raises stopctl.Stopped: no return value to hand up
            time.sleep(0.01)
            self.rows += 1


def main() -> None:
    importer = Importer()
    print("importing", flush=True)
    try:
        importer.run()
    except stopctl.Stopped as stopped:
        print(f"imported {importer.rows} rows until {stopped}", flush=True)


if __name__ == "__main__":
    main()
