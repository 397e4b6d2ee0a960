"""graph-emulator and graphhook side by side on this machine, each in a folder of its own: for the demo, the
end-to-end tests and the benchmarks. Standard library only; servers on loopback only."""

import contextlib
import ctypes
import http.client
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

TENANT_ID = "84bd8158-6d4d-4958-8b9f-9d6445542f95"
CLIENT_ID = "11111111-2222-3333-4444-555555555555"
CLIENT_SECRET = "a throwaway secret"
USER_ID = "0f0d2c9a-1111-4222-8333-444455556666"

# The five kinds of the demo: name, resource, changes.
FIVE = {
    "messages": (f"users/{USER_ID}/mailFolders('inbox')/messages", ["created", "updated", "deleted"]),
    "events": (f"users/{USER_ID}/events", ["created", "updated", "deleted"]),
    "contacts": (f"users/{USER_ID}/contacts", ["created", "updated", "deleted"]),
    "drive": ("drives/b!4f0d2c9a/root", ["updated"]),
    "alerts": ("security/alerts?$filter=vendorInformation/provider eq 'IPC'", ["updated"]),
}


class Failed(Exception):
    """Something did not come about; says what."""


_ports_given = set()


def free_port():
    """A port that nobody listens on now, below those that the kernel gives to outgoing connections. Every process has
    twenty of its own to begin with: what another starts at the same time takes none of them before we do."""
    own = 12000 + os.getpid() % 1000 * 20
    for port in [*range(own, own + 20), *(random.randrange(12000, 32000) for _ in range(1000))]:
        if port in _ports_given:
            continue
        with contextlib.closing(socket.socket()) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _ports_given.add(port)
        return port
    raise Failed("no free port")


def wait_until(condition, seconds, what, check=lambda: None):
    """The first true value of condition(). `check` may raise to give up early."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        check()
        if time.monotonic() > end:
            raise Failed(f"not within {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(0.02)


def _die_with_parent():
    """The child gets a kill -9 when we are gone, however that came: nothing is left behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Program:
    """A child of ours with its output in a file; ended by its pid, never by name."""

    def __init__(self, name, log_file):
        self.name = name
        self.log_file = log_file
        self.process = None

    def launch(self, arguments, env=None, prefix=()):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [*prefix, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(env or {})}, start_new_session=True, preexec_fn=_die_with_parent,
            )

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def check_running(self):
        if not self.running():
            raise Failed(f"{self.name} ended with {self.process.returncode}:\n{self.log_tail()}")

    def log_tail(self, lines=30):
        with open(self.log_file, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])

    def kill(self):
        """kill -9 and gone."""
        if self.running():
            self.process.kill()
        if self.process:
            self.process.wait(30)

    def stop(self, seconds=60):
        """SIGTERM, and its exit code; kill -9 after `seconds`, which is a failure."""
        if not self.process:
            return None
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.name} did not stop within {seconds} s:\n{self.log_tail()}") from None

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) * 1024


class Certificates:
    """A throwaway authority and a certificate of it for localhost and 127.0.0.1 (P-256), kept in `folder` and made anew
    when they are gone or about to run out."""

    def __init__(self, bin_dir, folder):
        done = subprocess.run(
            [os.path.join(bin_dir, "graph-emulator"), "certificates", "--certificates-dir", folder],
            capture_output=True, text=True, check=False,
        )
        if done.returncode:
            raise Failed(f"graph-emulator certificates: {done.stderr}")
        self.ca_file = os.path.join(folder, "ca.pem")
        self.certificate = os.path.join(folder, "receiver.crt")
        self.private_key = os.path.join(folder, "receiver.key")


class Emulator(Program):
    """`graph-emulator serve` on a free port, with its certificates in the same folder."""

    def __init__(self, bin_dir, folder):
        os.makedirs(folder, exist_ok=True)
        super().__init__("graph-emulator", os.path.join(folder, "graph-emulator.log"))
        self.program = os.path.join(bin_dir, "graph-emulator")
        self.folder = folder
        self.certificates = Certificates(bin_dir, os.path.join(folder, "certificates"))
        self.port = 0

    def start(self, *options, seconds=30):
        """`options` as of `graph-emulator serve`. Again after a stop: on the same port, knowing nothing any more."""
        port_file = os.path.join(self.folder, "port")
        with contextlib.suppress(FileNotFoundError):
            os.remove(port_file)
        self.launch(
            [self.program, "serve", "--port", str(self.port), "--port-file", port_file,
             "--certificates-dir", self.certificates_folder, *map(str, options)],
            env={"GRAPH_EMULATOR_CLIENT_SECRET": CLIENT_SECRET},
        )
        wait_until(lambda: os.path.exists(port_file), seconds, "graph-emulator listens", self.check_running)
        with open(port_file, encoding="ascii") as file:
            self.port = int(file.read())

    @property
    def certificates_folder(self):
        return os.path.dirname(self.certificates.ca_file)

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    @property
    def cloud(self):
        """As the key `cloud` of a tenant."""
        return {"graph": self.url, "login": self.url, "ca_file": self.certificates.ca_file}

    def control(self, method, path, body=None):
        """One call of the control API; its JSON. Failed unless it answers 2xx."""
        request = urllib.request.Request(
            f"{self.url}/emulator{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        context = ssl.create_default_context(cafile=self.certificates.ca_file)
        try:
            with urllib.request.urlopen(request, timeout=30, context=context) as reply:
                return json.loads(reply.read())
        except urllib.error.HTTPError as error:
            raise Failed(f"{method} {path}: {error.code} {error.read().decode()}") from None
        except OSError as error:
            raise Failed(f"{method} {path}: {error}\n{self.log_tail(10)}") from None

    def status(self):
        return self.control("GET", "/status")

    def subscriptions(self):
        return self.control("GET", "/subscriptions")["subscriptions"]

    def wait_subscriptions(self, count, seconds=60):
        """The live subscriptions, once there are exactly so many."""
        return wait_until(
            lambda: (found := self.subscriptions()) and len(found) == count and found, seconds,
            lambda: f"{count} subscriptions instead of {len(self.subscriptions())}", self.check_running,
        )

    def change(self, count=1, change="updated", rate=0, objects=0, **what):
        """Begins to make changes; `what` is kind=, resource= or subscription=. Returns the job."""
        return self.control("POST", "/changes", {
            "change": change, "count": count, "rate": rate, "objects": objects, **what,
        })["job"]

    def wait_job(self, job, seconds=60):
        """The job once all its notifications were accepted or given up."""
        def done():
            report = self.control("GET", f"/jobs/{job}")
            return report["done"] and report
        return wait_until(done, seconds, lambda: f"job done: {self.control('GET', f'/jobs/{job}')}", self.check_running)

    def fault(self, fault, **members):
        self.control("POST", "/faults", {"fault": fault, **members})

    def lifecycle(self, event, **members):
        return self.control("POST", "/lifecycle", {"event": event, **members})

    def ledger(self):
        """Every change made, in order."""
        changes, after = [], 0
        while True:
            page = self.control("GET", f"/changes?after={after}&limit=10000")
            changes += page["changes"]
            if "next" not in page:
                return changes
            after = page["next"]


class Graphhook(Program):
    """`graphhook serve` with a configuration made here."""

    def __init__(self, bin_dir, folder, name="graphhook"):
        os.makedirs(folder, exist_ok=True)
        super().__init__(name, os.path.join(folder, f"{name}.log"))
        self.program = os.path.join(bin_dir, "graphhook")
        self.folder = folder
        self.port = free_port()
        self.admin_port = free_port()
        self.config_file = os.path.join(folder, "graphhook.yaml")
        self.socket = os.path.join(folder, "admin.sock")
        self.store_file = os.path.join(folder, "graphhook.db")
        self.config = {}

    def configure(self, cloud, certificates, subscriptions=None, handlers=None, public_url=None, **sections):
        """A configuration against `cloud` (as the key of that name); `subscriptions` are name: (resource, changes[,
        handlers]); `sections` are merged into those made here, None removing a key."""
        wanted = FIVE if subscriptions is None else subscriptions
        handlers = handlers or {"audit": {"type": "file", "path": os.path.join(self.folder, "handled.jsonl")}}
        self.config = {
            "receiver": {
                "listen": f"127.0.0.1:{self.port}",
                "public_url": public_url or f"https://localhost:{self.port}/graph",
                "tls": {"certificate": certificates.certificate, "private_key": certificates.private_key},
                "drain_delay": "0s",
            },
            "admin": {"listen": f"127.0.0.1:{self.admin_port}", "socket": self.socket},
            "store": {"url": f"sqlite:{self.store_file}", "reserve": "64MiB"},
            "tenants": {
                "contoso": {
                    "tenant_id": TENANT_ID, "client_id": CLIENT_ID,
                    "cloud": cloud,
                    "credential": {"client_secret": CLIENT_SECRET},
                }
            },
            "subscriptions": {
                name: {
                    "tenant": "contoso", "resource": entry[0], "changes": entry[1],
                    "handlers": list(entry[2]) if len(entry) > 2 else list(handlers),
                }
                for name, entry in wanted.items()
            },
            "handlers": handlers,
        }
        for name, content in sections.items():
            self.config.setdefault(name, {}).update(content)
            self.config[name] = {key: value for key, value in self.config[name].items() if value is not None}
        self.write_config()

    def write_config(self):
        with open(self.config_file, "w", encoding="utf-8") as file:
            json.dump(self.config, file, indent=2)  # JSON is YAML
            file.write("\n")

    def start(self, seconds=60, prefix=(), env=None):
        self.launch([self.program, "serve", "-c", self.config_file], env=env, prefix=prefix)
        self.wait_ready(seconds)

    def wait_ready(self, seconds=60):
        wait_until(lambda: self.get("/readyz")[0] == 200, seconds,
                   lambda: f"{self.name} ready\n{self.log_tail()}", self.check_running)

    def get(self, path):
        """(status, text) from the admin listener; (0, "") while there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=10) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""

    def metrics(self):
        """{"name{labels}": value}"""
        return parse_metrics(self.get("/metrics")[1])

    def cli(self, *arguments, check=True):
        """What the command line prints; Failed if it fails and `check`."""
        done = subprocess.run(
            [self.program, "-c", self.config_file, *arguments],
            capture_output=True, text=True, check=False, timeout=120,
        )
        if check and done.returncode:
            raise Failed(f"graphhook {' '.join(arguments)}: exit {done.returncode}: {done.stderr}")
        return done.stdout if check else done

    def cli_json(self, *arguments):
        return json.loads(self.cli(*arguments, "--output", "json"))

    def waiting(self, handler=None):
        """How many notifications are accepted and not handled, now (the metric is as of the last second)."""
        return sum(row["waiting"] for row in self.cli_json("handlers", "list") if handler in (None, row["handler"]))

    def wait_idle(self, seconds=60):
        """Until no handler has a backlog."""
        wait_until(lambda: self.waiting() == 0, seconds,
                   lambda: f"backlog empty\n{self.log_tail()}", self.check_running)


def parse_metrics(text):
    values = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            values[name] = float(value)
    return values


def metric_sum(metrics, name, **labels):
    """The sum over all series of that name that carry these labels."""
    total = 0.0
    for key, value in metrics.items():
        base, _, rest = key.partition("{")
        if base == name and all(f'{k}="{v}"' in rest for k, v in labels.items()):
            total += value
    return total


def quantile(metrics, name, q, **labels):
    """A quantile from a histogram's buckets: the upper bound of the bucket it falls into."""
    buckets = {}
    for key, value in metrics.items():
        base, _, rest = key.partition("{")
        if base == f"{name}_bucket" and all(f'{k}="{v}"' in rest for k, v in labels.items()):
            bound = float(re.search(r'le="([^"]+)"', rest).group(1).replace("+Inf", "inf"))
            buckets[bound] = buckets.get(bound, 0) + value
    if not buckets or max(buckets.values()) == 0:
        return None
    wanted = q * max(buckets.values())
    return min(bound for bound, count in buckets.items() if count >= wanted)
