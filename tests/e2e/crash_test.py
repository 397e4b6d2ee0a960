#!/usr/bin/env python3
"""kill -9 at random moments under load: every item that was answered 202 is handled, in order, at least once.

5 rounds; 200 with GRAPHHOOK_FULL=1. GRAPHHOOK_SEED repeats a run."""

import os
import random
import time
import unittest

from harness import FULL, E2eTest, accounting, stack


class Tests(E2eTest):
    def test_every_accepted_item_is_handled_after_kill_9(self):
        rounds = 200 if FULL else 5
        seed = int(os.environ.get("GRAPHHOOK_SEED", random.SystemRandom().randrange(1 << 32)))
        chance = random.Random(seed)
        print(f"seed {seed}, {rounds} rounds", flush=True)
        # Small limits, so that checkpoints and retention happen within a round.
        self.start("--ledger", "10000000", store={"wal_bytes": "4MiB", "retain": "1s", "retain_bytes": "1MiB"})
        tail = accounting.Tail(self.output)
        job = self.begin(rounds)
        for number in range(rounds):
            time.sleep(chance.uniform(0.05, 1.2))  # the random moment
            self.service.kill()
            try:
                self.service.start()
            except stack.Failed as failed:
                self.fail(f"round {number} (seed {seed}): {failed}")
        for one in job:
            report = self.emulator.wait_job(one, 600)
            self.assertEqual(report["failed"] + report["dropped"] + report["lost"], 0, (seed, report))
        self.service.wait_idle(600)
        tail.stop()
        status = self.emulator.status()
        self.assertGreater(status["itemsAccepted"], 100 * rounds)
        self.assertGreater(status["postsUnreachable"] + status["postsRetried"], 0, "no kill hit the load")
        self.assert_nothing_lost(tail.lines)
        print(f"{status['itemsAccepted']} accepted, {len(tail.lines)} lines, "
              f"{accounting.handed_over_twice(tail.lines)} handed over twice", flush=True)
        self.stop_cleanly()

    def begin(self, rounds):
        """About two seconds' worth of changes a round, of five kinds."""
        return [
            self.emulator.change(int(2 * rate * rounds), change, rate=rate, objects=objects, kind=kind)
            for kind, change, rate, objects in (
                ("message", "created", 60, 0), ("event", "updated", 60, 10), ("contact", "updated", 40, 4),
                ("drive", "updated", 20, 0), ("alert", "updated", 20, 5),
            )
        ]


if __name__ == "__main__":
    unittest.main()
