#!/usr/bin/env python3
"""What is installed and shipped for operators holds together."""

import glob
import os
import re
import shutil
import subprocess
import sys
import unittest

from harness import BIN, BUILD, ROOT


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)


class Tests(unittest.TestCase):
    def setUp(self):
        self.folder = os.path.join(BUILD, "e2e", f"deploy-{os.getpid()}")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.addCleanup(shutil.rmtree, self.folder, True)

    def install(self):
        done = run("cmake", "--install", BUILD, "--prefix", os.path.join(self.folder, "usr"))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_installing_leaves_programs_unit_sample_and_completion_where_they_belong(self):
        self.install()
        for name in ("bin/graphhook", "bin/graph-emulator", "lib/systemd/system/graphhook.service",
                     "lib/sysusers.d/graphhook.conf", "share/doc/graphhook/graphhook.yaml",
                     "share/doc/graphhook/graphhook.schema.json", "share/bash-completion/completions/graphhook"):
            self.assertTrue(os.path.exists(os.path.join(self.folder, "usr", name)), name)
        done = run(os.path.join(self.folder, "usr/bin/graphhook"), "--version")
        self.assertRegex(done.stdout, r"graphhook \d+\.\d+\.\d+")

    def test_the_systemd_unit_is_understood_and_hardened(self):
        with open(os.path.join(BUILD, "deploy", "graphhook.service"), encoding="utf-8") as file:
            unit = file.read()
        self.assertNotIn("@", re.sub(r"@(system-service|privileged|resources)", "", unit))
        path = os.path.join(self.folder, "graphhook.service")
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub(r"(?<==)\S*/bin/graphhook", "/bin/true", unit))
        done = run("systemd-analyze", "verify", "--man=no", path)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stderr)
        done = run("systemd-analyze", "security", "--offline=yes", "--threshold=25", path)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_haproxy_understands_its_configurations(self):
        pem = os.path.join(self.folder, "both.pem")
        done = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                   "-subj", "/CN=localhost", "-keyout", pem, "-out", pem + ".crt")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(pem, "a", encoding="ascii") as both, open(pem + ".crt", encoding="ascii") as certificate:
            both.write(certificate.read())
        for file in glob.glob(os.path.join(ROOT, "deploy", "haproxy", "*.cfg")):
            done = run("/usr/sbin/haproxy", "-c", "-f", file, env={**os.environ, "GRAPHHOOK_PEM": pem})
            self.assertEqual(done.returncode, 0, f"{file}: {done.stdout}{done.stderr}")

    def test_the_runtime_packages_are_those_that_the_programs_load(self):
        packages = run("sed", "-n", "/^# run$/,/^# test$/p", os.path.join(ROOT, "deploy", "packages.txt")).stdout.split()
        for line in run("ldd", os.path.join(BIN, "graphhook")).stdout.splitlines():
            found = re.search(r"=> (/\S+)", line)
            if not found:
                continue
            # With and without the /usr of a merged /usr.
            for path in (found.group(1), "/usr" + found.group(1), os.path.realpath(found.group(1))):
                owner = run("dpkg-query", "-S", path).stdout.partition(":")[0]
                if owner:
                    break
            direct = run("ldd", found.group(1)).returncode == 0 and self.needed(found.group(1))
            if direct and owner not in ("libc6", "libstdc++6", "libgcc-s1"):
                self.assertIn(owner, packages, f"{found.group(1)} is of {owner}")

    def needed(self, library):
        """Whether the program names the library itself; what the libraries need, their packages bring along."""
        done = run("readelf", "-d", os.path.join(BIN, "graphhook"))
        return os.path.basename(library) in done.stdout

    def test_the_package_list_is_installed_by_section(self):
        script = os.path.join(ROOT, "deploy", "install-packages.sh")
        self.assertEqual(run(script, "build", "test").returncode, 0)
        wrong = run(script, "no-such-section")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("no-such-section", wrong.stderr)

    def test_scripts_explain_themselves(self):
        for script in ("deploy/demo.sh", "deploy/install-packages.sh", "tests/run.sh"):
            done = run(os.path.join(ROOT, script), "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""), script)
            self.assertGreater(len(done.stdout.splitlines()), 3, script)
        self.assertEqual(run(os.path.join(ROOT, "tests/run.sh"), "--nonsense").returncode, 2)


if __name__ == "__main__":
    sys.exit(unittest.main())
