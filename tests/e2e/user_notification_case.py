"""A test of user notifications: programs that its class starts, and what became of one mail."""

import os
import shutil
import sys
import unittest

import harness
from harness import stack
from user_notification_stack import NotificationStack


class StackTest(unittest.TestCase):
    """Programs of its class, which `begin` starts; their folder is kept when a test fails."""

    @classmethod
    def setUpClass(cls):
        cls.failed = True  # until everything stands
        cls.folder = os.path.join(harness.BUILD, "e2e", f"un-{cls.__name__}-{os.getpid()}")
        shutil.rmtree(cls.folder, ignore_errors=True)
        cls.it = NotificationStack(cls.folder)
        cls.addClassCleanup(cls.clean_up)
        cls.emulator, cls.service = cls.it.emulator, cls.it.service
        cls.begin()
        cls.failed = False

    @classmethod
    def clean_up(cls):
        for program in cls.it.programs:
            program.kill()
        if not cls.failed:
            shutil.rmtree(cls.folder, ignore_errors=True)
            return
        for program in cls.it.programs:
            if os.path.exists(program.log_file):
                print(f"--- {program.log_file}\n{program.log_tail(40)}", file=sys.stderr)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            type(self).failed = True
        return result

    login = harness.E2eTest.login

    def emulator_cli(self, *arguments):
        return self.it.emulator_cli(*arguments)

    def metric(self, name, **labels):
        return stack.metric_sum(self.service.metrics(), name, **labels)

    def tell(self, person, handler, state="done", **members):
        """One mail for the person, and its delivery to the handler once it is in that state."""
        known = set(self.it.numbers(handler))
        self.it.change(person.mailbox, **members)
        new = set(self.it.numbers(handler)) - known
        self.assertEqual(len(new), 1)
        return self.it.wait_state(new.pop(), handler, state)

    def posts_of(self, delivery):
        """What the service got of it: by the id that every attempt carries, whatever the answer was."""
        return [post for post in self.it.posts()
                if f"{delivery['handler']}-{delivery['id']}-" in (post["appNotificationId"] or "")]

    def told(self, device, delivery):
        """What a device knows of it."""
        return [one for one in device.feed()
                if one["appNotificationId"].startswith(f"{delivery['handler']}-{delivery['id']}-")]
