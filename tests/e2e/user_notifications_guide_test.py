#!/usr/bin/env python3
"""docs/user-notifications.md, "Trying it out": its commands, as printed, in an empty folder; only the ports are other ones.
And the configuration in it is one that `check` has nothing to say about."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import unittest

from harness import BIN, BUILD, ROOT, stack

PORTS = ("8443", "9443", "9464")
ANN = "0f0d2c9a-1111-4222-8333-444455556666"


def blocks(language, heading):
    with open(os.path.join(ROOT, "docs", "user-notifications.md"), encoding="utf-8") as file:
        section = file.read().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


class Tests(unittest.TestCase):
    def setUp(self):
        self.folder = os.path.join(BUILD, "e2e", f"guide-{os.getpid()}")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    def walk_through(self):
        """What each block prints."""
        text = "".join(f"echo '=== {number}'\n{block}" for number, block in enumerate(blocks("sh", "Trying it out")))
        for port in PORTS:
            text = text.replace(port, str(stack.free_port()))
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("GRAPHHOOK_", "GRAPH_EMULATOR_"))}
        shell = subprocess.Popen(["bash", "-eu"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True, cwd=self.folder, start_new_session=True,
                                 env={**environment, "PATH": f"{BIN}:{os.environ['PATH']}"})
        try:
            printed = shell.communicate(text, timeout=240)[0]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)  # and whatever it started
            shell.wait(10)
        self.assertEqual(shell.returncode, 0, f"{printed}\nits files are in {self.folder}")
        return [part.partition("\n")[2] for part in printed.split("=== ")[1:]]

    def test_the_walk_through_works_as_printed(self):
        start, serve, devices, handed_in, mail, dismissed, by_hand, signed_out, end = self.walk_through()
        self.assertEqual((start, end), ("", ""))
        self.assertRegex(serve, r"inbox +- +active")
        unsid = re.search(r"^UNSID +(\S+)$", devices, re.MULTILINE).group(1)
        self.assertEqual(handed_in.split("\n")[:3], ["201"] * 3)
        for platform in ("windows", "ios", "android"):
            self.assertRegex(handed_in, rf"contoso +{ANN} +{platform} +{unsid} ")
        # All three have it, with the title of the decrypted mail; and it is done here.
        self.assertEqual(len(re.findall(r"Active +Unread +NoInteraction +\S+@\S+ wrote", mail)), 3, mail)
        self.assertRegex(mail, r"phones +done +message +created")
        self.assertEqual(len(re.findall(r"Active +\w+ +Dismissed +\S+@\S+ wrote", dismissed)), 3, dismissed)
        self.assertNotIn("NoInteraction", dismissed)
        self.assertRegex(by_hand, r"outcome +done")
        self.assertEqual(len(re.findall(rf"201 +- +3 +{unsid}", by_hand)), 2, by_hand)
        self.assertTrue(signed_out.startswith("204\n"), signed_out)
        self.assertNotIn(unsid, signed_out)
        self.assertRegex(signed_out, r"phones +dead .* no_unsid: ")
        shutil.rmtree(self.folder)

    def test_the_configuration_is_taken_without_a_word(self):
        text, = blocks("yaml", "Setting it up")
        path = os.path.join(self.folder, "graphhook.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("/var/lib/graphhook/keys", os.path.join(self.folder, "keys")) + f"""
receiver: {{listen: "127.0.0.1:8443", public_url: "https://hooks.example.com/graph"}}
store: {{url: "sqlite:{self.folder}/graphhook.db"}}
tenants:
  contoso: {{tenant_id: {stack.TENANT_ID}, client_id: {stack.CLIENT_ID}, credential: {{client_secret: a secret}}}}
""")
        done = subprocess.run([os.path.join(BIN, "graphhook"), "-c", path, "check"], capture_output=True, text=True,
                              check=False, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        shutil.rmtree(self.folder)


if __name__ == "__main__":
    unittest.main()
