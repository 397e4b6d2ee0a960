"""What became of every change: graph-emulator's ledger against the lines that the file handler wrote."""

import collections
import contextlib
import datetime
import json
import threading
import time


def seconds_of(text):
    """A time as both programs write it, in seconds since 1970."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Tail:
    """The JSON objects of a file that grows, each with the time at which it was first seen here: at most a few
    milliseconds after it was written. `lines` is a list of (seen, object)."""

    def __init__(self, path, on_line=None):
        self.path, self.on_line = path, on_line
        self.lines = []
        self._rest, self._offset = b"", 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.003):
            self.look()
        self.look()

    def look(self):
        with contextlib.suppress(FileNotFoundError), open(self.path, "rb") as file:
            file.seek(self._offset)
            new = file.read()
            seen = time.time()
            self._offset += len(new)
            *whole, self._rest = (self._rest + new).split(b"\n")
            for line in whole:
                self.lines.append((seen, json.loads(line)))
                if self.on_line:
                    self.on_line(*self.lines[-1])

    def stop(self):
        """Everything that is in the file now is in `lines` afterwards."""
        self._stop.set()
        self._thread.join()


def read_lines(path):
    """The same for a file that is complete; seen when its notification was received."""
    lines = []
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        for line in file.read().split(b"\n")[:-1]:
            entry = json.loads(line)
            lines.append((seconds_of(entry["received_at"]), entry))
    return lines


def _key(subscription_id, resource):
    return subscription_id.lower(), resource.lower()


def lost(changes, lines):
    """The changes of the ledger after which no delivery for that resource was started: (change, subscription id).

    Changes to something with an etag are notified one by one, so each must have a delivery that carries it; one
    without may fold into an equal one that still waits, so a later delivery of that resource will do. Of items that
    Graph gave up or dropped (state failed, dropped, lost), no delivery is expected.
    """
    with_etag, latest = set(), collections.defaultdict(float)
    for seen, line in lines:
        item = line["item"] or {}
        key = _key(item.get("subscriptionId", ""), line["resource"])
        latest[key] = max(latest[key], seen)
        etag = (item.get("resourceData") or {}).get("@odata.etag")
        if etag:
            with_etag.add((*key, line["change"], etag))
    missing = []
    for change in changes:
        for item in change["items"]:
            if item["state"] in ("failed", "dropped", "lost"):
                continue
            key = _key(item["subscriptionId"], change["resource"])
            if "etag" in change:
                found = (*key, change["change"], change["etag"]) in with_etag
            else:
                found = latest.get(key, 0) >= seconds_of(change["at"])
            if not found:
                missing.append((change, item["subscriptionId"]))
    return missing


def handed_over_twice(lines):
    """How many deliveries came more than once (without an operator asking for it)."""
    counts = collections.Counter(line["id"] for _, line in lines if not line["replayed"])
    return sum(1 for count in counts.values() if count > 1)


def out_of_order(lines):
    """Deliveries of a resource that came for the first time after a later one of the same resource had come."""
    last, seen, wrong = {}, set(), []
    for _, line in lines:
        if line["id"] in seen or line["replayed"]:
            continue
        seen.add(line["id"])
        key = (line["subscription"], line["resource"].lower())
        if int(line["id"]) < last.get(key, 0):
            wrong.append(line["id"])
        last[key] = int(line["id"])
    return wrong
