#!/usr/bin/env python3
"""The demo does what its page says, with the programs of this build."""

import os
import re
import signal
import subprocess
import sys
import unittest

from harness import BIN, BUILD, ROOT, stack

DEMO = os.path.join(ROOT, "deploy", "demo", "demo.py")


class Tests(unittest.TestCase):
    def folder(self, name):
        return os.path.join(BUILD, "e2e", f"demo-{name}")

    def test_once_makes_a_thousand_changes_and_loses_none(self):
        done = subprocess.run([sys.executable, DEMO, BIN, self.folder("once"), "--once"],
                              capture_output=True, text=True, timeout=240, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        summary = dict(re.findall(r"^  (\S.*?) {2,}(\S.*)$", done.stdout, re.M))
        self.assertEqual(summary["made"], "1,000 changes")
        self.assertEqual(summary["lost"], "0")
        self.assertEqual(summary["handed over twice"], "0")
        for name in ("posted", "accepted", "folded", "handled", "reply p99", "accepted to handled p99", "metrics", "output"):
            self.assertIn(name, summary)

    def test_without_once_it_shows_what_is_handled_until_ctrl_c(self):
        log = os.path.join(BUILD, "e2e", "demo-forever.log")
        os.makedirs(os.path.dirname(log), exist_ok=True)
        with open(log, "wb") as out, subprocess.Popen(
            [sys.executable, DEMO, BIN, self.folder("forever")], stdout=out, stderr=out
        ) as demo:
            def text():
                with open(log, encoding="utf-8") as file:
                    return file.read()
            stack.wait_until(lambda: text().count("after it was accepted") >= 3, 120, text,
                             lambda: self.assertIsNone(demo.poll(), text()))
            demo.send_signal(signal.SIGINT)
            self.assertEqual(demo.wait(60), 0, text())
        self.assertIn("/metrics", text())


if __name__ == "__main__":
    unittest.main()
