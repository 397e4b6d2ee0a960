"""What the end-to-end tests have in common: both programs of this build, started in a folder of the test's own."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("GRAPHHOOK_BUILD", os.path.join(ROOT, "build", "dev"))
BIN = os.path.join(BUILD, "bin")
FULL = os.environ.get("GRAPHHOOK_FULL") == "1"
sys.path.insert(0, os.path.join(ROOT, "deploy", "demo"))

import accounting  # noqa: E402
import stack  # noqa: E402

# One emulated minute a second: Graph's first retry comes after 0.2 s instead of 10.
FAST = ("--time-scale", "60")


class E2eTest(unittest.TestCase):
    """Folder kept when the test fails: it has the logs, the configuration and the store."""

    def setUp(self):
        # Short: a Unix socket's path may have 107 characters.
        self.folder = os.path.join(BUILD, "e2e", f"{os.path.basename(sys.argv[0])[:-8]}-{os.getpid()}")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.emulator = stack.Emulator(BIN, os.path.join(self.folder, "emulator"))
        self.programs.append(self.emulator)
        self.service = stack.Graphhook(BIN, self.folder)
        self.programs.append(self.service)
        self.output = os.path.join(self.folder, "handled.jsonl")

    def run(self, result=None):
        self.programs = []
        result = super().run(result)
        for program in self.programs:
            program.kill()
        if any(test is self for test, _ in result.failures + result.errors):
            for program in self.programs:
                if os.path.exists(program.log_file):
                    print(f"--- {program.log_file}\n{program.log_tail(40)}", file=sys.stderr)
        elif self.programs:
            shutil.rmtree(self.folder, ignore_errors=True)
        return result

    def start(self, *emulator_options, subscriptions=None, wait_active=True, **configuration):
        """Emulator and service, all subscriptions active."""
        self.emulator.start(*FAST, *emulator_options)
        self.service.configure(self.emulator.cloud, self.emulator.certificates, subscriptions=subscriptions,
                               **configuration)
        self.service.start()
        if wait_active:
            self.wait_active(len(self.service.config["subscriptions"]))

    def wait_active(self, count, seconds=60):
        stack.wait_until(
            lambda: self.metric("graphhook_subscriptions", state="active") == count, seconds,
            lambda: f"{count} active subscriptions", self.service.check_running,
        )
        return self.emulator.wait_subscriptions(count, seconds)

    def metric(self, name, **labels):
        return stack.metric_sum(self.service.metrics(), name, **labels)

    def wait_metric(self, name, least, seconds=60, **labels):
        stack.wait_until(lambda: self.metric(name, **labels) >= least, seconds,
                         lambda: f"{name}{labels} >= {least}, is {self.metric(name, **labels)}",
                         self.service.check_running)

    def finish(self, jobs, seconds=120):
        """Until the jobs' notifications are accepted and handled."""
        for job in jobs:
            report = self.emulator.wait_job(job, seconds)
            self.assertEqual(report["accepted"], report["items"], report)
        self.service.wait_idle(seconds)

    def emulator_cli(self, *arguments):
        """What a command of graph-emulator prints."""
        done = subprocess.run(
            [self.emulator.program, *arguments], capture_output=True, text=True, check=False, timeout=60,
            env={**os.environ, "GRAPH_EMULATOR_URL": self.emulator.url,
                 "GRAPH_EMULATOR_CA": self.emulator.certificates.ca_file},
        )
        self.assertEqual(done.returncode, 0, f"graph-emulator {arguments}: {done.stderr}")
        return done.stdout

    @contextlib.contextmanager
    def login(self, user="ann@contoso.com"):
        """`graphhook login`, and somebody who does what it says; what it prints."""
        process = subprocess.Popen([self.service.program, "-c", self.service.config_file, "login", "contoso"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            address, code = process.stdout.readline(), process.stdout.readline()
            self.assertIn("https://", address, process.stdout.read() if process.poll() else "")
            self.emulator_cli("approve-device", "--user-code", code.split()[-1], "--user", user)
            rest = process.communicate(timeout=60)[0]
            self.assertEqual(process.returncode, 0, rest)
            yield rest
        finally:
            process.kill()
            process.wait(10)

    def reload(self):
        self.service.write_config()
        self.service.process.send_signal(signal.SIGHUP)

    def silently(self, count, change, resource, **members):
        """Changes that Graph tells nobody."""
        return self.emulator.control("POST", "/changes", {
            "resource": resource, "tenant": stack.TENANT_ID, "change": change, "count": count, "silent": True,
            **members,
        })["job"]

    def of_source(self, source):
        return [line for _, line in self.lines() if line["source"] == source]

    def sweeps(self):
        return self.service.cli_json("subscriptions", "sweeps")

    def wait_sweep(self, condition, what, seconds=60):
        """Until the condition holds for a row of `subscriptions sweeps`."""
        stack.wait_until(lambda: any(condition(row) for row in self.sweeps()), seconds,
                         lambda: f"{what}: {self.sweeps()}", self.service.check_running)

    def wait_baseline(self):
        """Every target's baseline is taken, and no sweep is under way or wanted."""
        stack.wait_until(
            lambda: (rows := self.sweeps()) and all(row["baseline_at"] and row["wanted_at"] is None for row in rows), 60,
            lambda: f"baselines: {self.sweeps()}", self.service.check_running,
        )

    def sweep(self, name="it"):
        """One more complete sweep, asked for now, and all it found handled."""
        before = {row["cursor"]: row["swept_at"] for row in self.sweeps() if row["name"] == name}
        self.service.cli("subscriptions", "sweep", name)

        def done():
            rows = [row for row in self.sweeps() if row["name"] == name]
            return all(row["swept_at"] != before.get(row["cursor"]) and row["wanted_at"] is None for row in rows)
        stack.wait_until(done, 60, lambda: f"a sweep: {self.sweeps()}", self.service.check_running)
        self.service.wait_idle()

    def lines(self):
        return accounting.read_lines(self.output)

    def assert_nothing_lost(self, lines=None):
        lines = self.lines() if lines is None else lines
        changes = self.emulator.ledger()
        self.assertTrue(changes)
        lost = accounting.lost(changes, lines)
        self.assertFalse(lost, f"{len(lost)} of {len(changes)} changes lost; the first: {lost[:1]}")
        self.assertEqual(accounting.out_of_order(lines), [])

    def stop_cleanly(self, program=None):
        program = program or self.service
        self.assertEqual(program.stop(), 0, program.log_tail())
