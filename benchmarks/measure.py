#!/usr/bin/env python3
"""The measurements of benchmarks/run.sh; see README.md.

usage: measure.py BIN_DIR [--quick]
"""

import contextlib
import json
import os
import resource
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "deploy", "demo"))

import machine  # noqa: E402
import mini_graph  # noqa: E402
import stack  # noqa: E402

SERVICE_CORE, LOAD_CORE = "0", "1"
MILLION = 1_000_000


def say(text):
    print(f"  {text}", flush=True)


class Nginx(stack.Program):
    """`return 202;` with our certificate."""

    def __init__(self, folder, certificate, private_key):
        super().__init__("nginx", os.path.join(folder, "nginx.log"))
        self.port = stack.free_port()
        self.file = os.path.join(folder, "nginx.conf")
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(f"""
daemon off; master_process on; worker_processes 1; error_log stderr; pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-1; fastcgi_temp_path {folder}/nginx-2;
    uwsgi_temp_path {folder}/nginx-3; scgi_temp_path {folder}/nginx-4;
    server {{
        listen 127.0.0.1:{self.port} ssl;
        ssl_certificate {certificate}; ssl_certificate_key {private_key};
        location / {{ return 202; }}
    }}
}}
""")

    def start(self):
        self.launch(["taskset", "-c", SERVICE_CORE, "/usr/sbin/nginx", "-c", self.file])

        def listening():
            with contextlib.closing(socket.socket()) as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        stack.wait_until(listening, 10, "nginx listens", self.check_running)


class Bench:
    def __init__(self, bin_dir, folder, quick):
        self.bin_dir, self.folder = bin_dir, folder
        self.seconds = 3 if quick else 10
        self.rounds = 1 if quick else 3
        self.rows = []
        self.programs = []
        self.nginx_rate = 0
        self.certificates = stack.Certificates(bin_dir, os.path.join(folder, "certificates"))
        self.graph = mini_graph.MiniGraph(self.certificates.certificate, self.certificates.private_key)

    # --- parts

    def load(self, port, path, body, **options):
        """graphhook-load's report; `options` as its own, with '_' for '-'."""
        arguments = ["--port", port, "--path", path, "--body", body]
        for name, value in options.items():
            arguments += ["--" + name.replace("_", "-"), value]
        done = subprocess.run(
            ["taskset", "-c", LOAD_CORE, os.path.join(self.bin_dir, "graphhook-load"), *map(str, arguments)],
            capture_output=True, text=True, check=False, timeout=3600,
        )
        if done.returncode:
            raise stack.Failed(done.stderr)
        report = json.loads(done.stdout)
        wrong = {code: n for code, n in report["statuses"].items() if code != "202"}
        if wrong:
            raise stack.Failed(f"answers other than 202: {wrong}")
        return report

    def top(self, port, path, body):
        return self.load(port, path, body, seconds=self.seconds, warm_up=1)["rate"]

    def service(self, name, handlers):
        """A fresh service with a fresh store on the service's core."""
        folder = os.path.join(self.folder, name)
        shutil.rmtree(folder, ignore_errors=True)
        service = stack.Graphhook(self.bin_dir, folder)
        self.graph.subscriptions.clear()
        cloud = {"graph": self.graph.url, "login": self.graph.url, "ca_file": self.certificates.ca_file}
        service.configure(
            cloud, self.certificates, handlers=handlers, subscriptions={"messages": stack.FIVE["messages"]}
        )
        return service

    def start(self, service, subscriptions=1):
        began = time.monotonic()
        service.start(prefix=["taskset", "-c", SERVICE_CORE])
        took = time.monotonic() - began
        def active():
            return stack.metric_sum(service.metrics(), "graphhook_subscriptions", state="active") == subscriptions
        stack.wait_until(active, 60, f"subscriptions: {subscriptions}", service.check_running)
        self.programs.append(service)
        return took

    def bodies(self):
        """Bodies of one and of twenty notifications of the subscription that is there now, each with an id of its own."""
        subscription = next(iter(self.graph.subscriptions.values()))
        files = []
        for count in (1, 20):
            items = []
            for _ in range(count):
                message = f"users/{stack.USER_ID}/messages/AAMkAGUwNjQ4ZjIxLTQ3Y2YtNDViMi1iZjc4" + "@" * 16
                items.append({
                    "subscriptionId": subscription["id"],
                    "subscriptionExpirationDateTime": subscription["expirationDateTime"],
                    "tenantId": stack.TENANT_ID,
                    "clientState": subscription["clientState"],
                    "changeType": "created",
                    "resource": message,
                    "resourceData": {
                        "@odata.type": "#Microsoft.Graph.Message", "@odata.id": message,
                        "@odata.etag": 'W/"CQAAABYAAAC"', "id": message.rsplit("/", 1)[1],
                    },
                })
            file = os.path.join(self.folder, f"body-{count}.json")
            with open(file, "w", encoding="utf-8") as out:
                json.dump({"value": items}, out, separators=(",", ":"))
            files.append(file)
        return files

    def row(self, what, target, figure, good):
        self.rows.append((what, target, figure, good))
        say(f"{what}: {figure} ({'ok' if good else 'MISSED'}: {target})")

    # --- measurements

    def rates(self):
        """Accepted POSTs beside nginx, the handler being down so that nothing else runs."""
        nginx = Nginx(self.folder, self.certificates.certificate, self.certificates.private_key)
        self.programs.append(nginx)
        service = self.service("rates", self.down())
        nginx.start()
        self.start(service)
        idle = service.resident_bytes() / 2**20
        self.row("resident memory, idle", "at most 40 MiB", f"{idle:.1f} MiB", idle <= 40)
        one, twenty = self.bodies()
        figures = {"nginx": [], "one": [], "twenty": []}
        for number in range(self.rounds):
            # In turn, so that what else happens on the machine hits all of them.
            figures["nginx"].append(self.top(nginx.port, "/", one))
            figures["one"].append(self.top(service.port, "/graph/notifications", one))
            figures["twenty"].append(self.top(service.port, "/graph/notifications", twenty) * 20)
            say(f"round {number + 1}: " + ", ".join(f"{k} {v[-1]:,.0f}/s" for k, v in figures.items()))
        self.nginx_rate = statistics.median(figures["nginx"])
        top = statistics.median(figures["one"])
        items = statistics.median(figures["twenty"])
        self.row("nginx, return 202", "", f"{self.nginx_rate:,.0f} requests/s", True)
        self.row("accepted POSTs, one item each", "0.30 of nginx, aim 0.45",
                 f"{top:,.0f}/s = {top / self.nginx_rate:.2f}", top >= 0.30 * self.nginx_rate)
        self.row("accepted items, 20 a POST", "0.6 of nginx, aim 1.2",
                 f"{items:,.0f}/s = {items / self.nginx_rate:.2f}", items >= 0.6 * self.nginx_rate)
        half = self.load(service.port, "/graph/notifications", one,
                         rate=top / 2, seconds=self.seconds * 2, warm_up=2)
        self.row("reply p99 at half that rate, open loop", "under 10 ms",
                 f"{half['p99_ms']:.2f} ms (p50 {half['p50_ms']:.2f})", half["p99_ms"] < 10)
        nginx.stop()
        service.stop(120)

    def million(self):
        """A million waiting because the handler is down: memory, and the next start."""
        service = self.service("million", self.down())
        self.start(service)
        _, twenty = self.bodies()
        self.load(service.port, "/graph/notifications", twenty, requests=MILLION // 20)
        waiting = service.waiting()
        if waiting < MILLION * 0.999:
            raise stack.Failed(f"{waiting:,.0f} waiting instead of a million")
        full = service.resident_bytes() / 2**20
        self.row("resident memory, 1,000,000 waiting", "at most 200 MiB", f"{full:.1f} MiB", full <= 200)
        service.stop(120)
        took = self.start(service)
        self.row("start with 1,000,000 waiting, to ready", "under 2 s", f"{took:.2f} s", took < 2)
        full = service.resident_bytes() / 2**20
        self.row("resident memory after that start", "at most 200 MiB", f"{full:.1f} MiB", full <= 200)
        service.stop(120)

    def connections(self, count=2000):
        """Idle TLS connections, each after a first request."""
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
        service = self.service("connections", self.down())
        self.start(service)
        context = ssl.create_default_context(cafile=self.certificates.ca_file)
        request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with contextlib.ExitStack() as open_ones:
            def open_one():
                connection = context.wrap_socket(
                    socket.create_connection(("127.0.0.1", service.port)), server_hostname="localhost")
                open_ones.enter_context(connection)
                connection.sendall(request)
                if b" 200 " not in connection.recv(4096):
                    raise stack.Failed("/livez did not answer 200")
            for _ in range(20):
                open_one()
            before = service.resident_bytes()
            for _ in range(count):
                open_one()
            each = (service.resident_bytes() - before) / count / 1024
        self.row(f"memory of an idle TLS connection ({count:,} of them)", "at most 88 KiB", f"{each:.1f} KiB", each <= 88)
        service.stop(120)

    def handled(self):
        """Accepted and handled on the same core: the highest rate at which the backlog stays flat."""
        service = self.service("handled", {"audit": {"type": "file", "path": os.path.join(self.folder, "handled.jsonl")}})
        self.start(service)
        for body, per_post in zip(self.bodies(), (1, 20)):
            best = 0
            for share in (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.40, 0.50, 0.60):
                rate = share * self.nginx_rate
                if not self.flat(service, body, per_post, rate):
                    break
                best = share
            what = f"accepted to handled, file handler, {per_post} a POST"
            self.row(what, "0.15 of nginx", f"{best * self.nginx_rate:,.0f} items/s = {best:.2f}", best >= 0.15)
            service.wait_idle(600)
            with open(os.path.join(self.folder, "handled.jsonl"), "w", encoding="utf-8"):
                pass
        service.stop(120)

    def flat(self, service, body, per_post, rate):
        """Whether at most a quarter of a second's worth is waiting after a while at this rate, and it was reached."""
        report = self.load(service.port, "/graph/notifications", body,
                           rate=rate / per_post, seconds=self.seconds, warm_up=2)
        waiting = service.waiting()
        reached = report["rate"] * per_post
        flat = waiting <= rate * 0.25 and reached >= rate * 0.97
        say(f"{per_post} a POST, {rate:,.0f} items/s wanted: {reached:,.0f}/s accepted, {waiting:,.0f} waiting afterwards")
        service.wait_idle(600)
        return flat

    def down(self):
        return {"down": {"type": "http", "url": f"http://127.0.0.1:{stack.free_port()}/"}}

    def table(self):
        width = max(len(row[0]) for row in self.rows)
        print(f"\n{'measure':{width}}  {'at least / at most':24}  figure")
        for what, target, figure, good in self.rows:
            print(f"{what:{width}}  {target:24}  {figure}{'' if good else '   MISSED'}")
        return all(row[3] for row in self.rows)


def main():
    bin_dir = os.path.abspath(sys.argv[1])
    # On a disk, not on a memory file system: durability is part of what is measured.
    folder = os.path.join(ROOT, "build", "benchmarks")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for line in machine.lines(folder):
        print(line)
    print(flush=True)
    bench = Bench(bin_dir, folder, "--quick" in sys.argv[2:])
    try:
        for part in (bench.rates, bench.million, bench.connections, bench.handled):
            print(f"{part.__doc__.splitlines()[0]}", flush=True)
            part()
    finally:
        for program in bench.programs:
            program.kill()
    return 0 if bench.table() else 1


if __name__ == "__main__":
    sys.exit(main())
