"""What happened, step by step: rows → CSV; of a run that was killed → what its checkpoint knows of → further rows."""

import csv
from pathlib import Path

from mvlib._files import replace_when_done, writing


class Log:
    """A row a step, as CSV; rows past ``start`` (of a run that was killed), and torn ones, are dropped."""

    def __init__(self, path: Path, start: int) -> None:
        self.path = path
        self.writer: csv.DictWriter | None = None
        old = []
        if path.is_file():
            with path.open(newline="") as file:
                # Of a row that was being written when the run was killed, even the step may be there in part only.
                old = [row for row in csv.DictReader(file) if all(row.values()) and int(row["step"]) <= start]
        with replace_when_done(path) as temporary, temporary.open("w", newline="") as file:
            if old:
                writer = csv.DictWriter(file, fieldnames=list(old[0]))
                writer.writeheader()
                writer.writerows(old)
        self.empty = not old

    def __enter__(self) -> "Log":
        with writing(self.path):
            self.file = self.path.open("a", newline="")
        return self

    def __exit__(self, *_: object) -> None:
        with writing(self.path):
            self.file.close()

    def write(self, row: dict) -> None:
        """Append one row."""
        if self.writer is None:
            self.writer = csv.DictWriter(self.file, fieldnames=list(row))
            if self.empty:
                self.writer.writeheader()
        with writing(self.path):
            self.writer.writerow(row)

    def flush(self) -> None:
        """Bring the rows to disk."""
        with writing(self.path):
            self.file.flush()
