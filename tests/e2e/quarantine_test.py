#!/usr/bin/env python3
"""What is proved false: looked at, judged anew, forgotten, bounded; and what is genuine is not kept by it."""

import json
import unittest

from harness import E2eTest, stack
from rich_stack import RichStack, plaintext_of

OTHER_APP = "99999999-2222-4333-8444-555555555555"


def with_bad_signature(body):
    """The same POST, its tokens' signatures wrong."""
    made = json.loads(body)
    tokens = [token.rpartition(".") for token in made["validationTokens"]]
    made["validationTokens"] = [
        f"{signed}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}" for signed, _, signature in tokens
    ]
    return json.dumps(made).encode()


class Tests(E2eTest):
    def setUp(self):
        super().setUp()
        self.rich = RichStack(self.folder)
        self.emulator, self.service = self.rich.emulator, self.rich.service
        self.programs = [self.emulator, self.service]
        self.addCleanup(self.rich.stop)

    def send(self, count=1, forge=None, **members):
        """The changes, once they are accepted."""
        before = self.emulator.ledger()
        after = before[-1]["number"] if before else 0
        job = self.rich.send(count, forge, **members)
        report = self.emulator.wait_job(job)
        self.assertEqual(report["accepted"], report["items"], report)
        return self.rich.changes(after)

    def wait_quarantined(self, count, *options):
        stack.wait_until(lambda: len(self.rich.quarantine(*options)) == count, 60,
                         lambda: f"{count} in the quarantine: {self.rich.quarantine(*options)}",
                         self.service.check_running)
        return self.rich.quarantine(*options)

    def wait_opened(self, changes):
        """Handed over, decrypted, and only once."""
        for change in changes:
            stack.wait_until(lambda: self.opened(change["resource"]), 60, f"{change['resource']} handed over",
                             self.service.check_running)
            line, = self.opened(change["resource"])
            self.assertEqual(line["data"], plaintext_of(change))

    def opened(self, resource):
        return [line for _, line in list(self.rich.opened.lines) if line["resource"] == resource]

    def restart(self):
        self.stop_cleanly()
        self.service.start()

    def test_what_is_false_is_listed_and_shown_without_its_secrets_also_after_a_restart(self):
        self.rich.start(basic=False)
        forged, = self.send(1, "bad-signature")
        self.send(1, "wrong-audience")
        self.send(1, "no-data")
        rows = self.wait_quarantined(5)
        self.assertEqual([int(row["id"]) for row in rows], sorted(int(row["id"]) for row in rows))
        self.assertEqual(len(self.rich.quarantine("--handler", "opened")), 3)
        self.assertEqual(len(self.rich.quarantine("--reason", "token_audience")), 2)
        self.assertEqual(len(self.rich.quarantine("--reason", "token")), 0)
        self.assertEqual(len(self.rich.quarantine("--subscription", "rich")), 5)
        self.assertEqual(len(self.rich.quarantine("--subscription", "basic")), 0)
        self.assertEqual(len(self.rich.quarantine("--after", rows[0]["id"])), 3)
        some = self.service.cli("quarantine", "list", "--limit", "2", "--output", "json", check=False)
        self.assertEqual(len(json.loads(some.stdout)), 2)
        self.assertIn(f"--after {rows[0]['id']}", some.stderr)
        some = self.service.cli("quarantine", "list", "--limit", "3", "--output", "json", check=False)
        self.assertEqual([row["id"] for row in json.loads(some.stdout)], [rows[0]["id"]] * 2)  # none is parted
        self.assertIn(f"--after {rows[0]['id']}", some.stderr)
        self.assertEqual(self.service.cli("quarantine", "list", "--limit", "5", check=False).stderr, "")

        def shown():
            table = self.service.cli("quarantine", "list")
            self.assertEqual(len(table.splitlines()), 6)
            text = self.service.cli("quarantine", "show", rows[0]["id"])
            one = self.service.cli_json("quarantine", "show", rows[0]["id"])
            return table, text, one

        table, text, one = shown()
        self.assertEqual(one["resource"], forged["resource"])
        self.assertEqual([(row["handler"], row["state"]) for row in one["deliveries"]],
                         [("closed", "quarantined"), ("opened", "quarantined")])
        self.assertEqual(one["verdict"]["tokens"][0]["reason"], "token_signature")
        self.assertIn("data", one["item"]["encryptedContent"])
        posted = self.rich.recorder.post_of(forged["resource"])
        everything = table + text + json.dumps(one)
        for part in posted.json["validationTokens"][0].split("."):
            self.assertNotIn(part, everything)
        self.assertNotIn(posted.items[0]["clientState"], everything)
        self.assertNotIn(plaintext_of(forged)["body"]["content"], everything)
        self.stop_cleanly()
        self.assertEqual(shown(), (table, text, one))  # by the store alone
        self.service.start()
        self.assertEqual(shown(), (table, text, one))
        stack.wait_until(lambda: self.rich.metric("graphhook_quarantined") == 5, 30, "the gauge", self.service.check_running)
        self.assertEqual(self.rich.opened.lines, [])

    def test_what_is_still_false_goes_back_and_what_is_dropped_is_gone(self):
        self.rich.start(basic=False)
        self.send(1, "bad-signature")
        self.send(1, "short-data-key")
        before = self.wait_quarantined(3)
        self.wait_metric("graphhook_items_disproved_total", 3)
        self.assertEqual(self.service.cli_json("quarantine", "retry", "--all"), {"retried": 3})
        self.wait_metric("graphhook_items_disproved_total", 6)
        after = self.wait_quarantined(3)
        self.assertEqual([(row["id"], row["handler"], row["reason"]) for row in after],
                         [(row["id"], row["handler"], row["reason"]) for row in before])
        self.assertEqual(self.rich.opened.lines, [])

        first = before[0]["id"]
        self.assertEqual(self.service.cli_json("quarantine", "drop", "--until", "24h"), {"dropped": 0})
        self.assertEqual(self.service.cli_json("quarantine", "drop", first, "--handler", "closed"), {"dropped": 1})
        self.assertEqual([row["handler"] for row in self.rich.quarantine() if row["id"] == first], ["opened"])
        self.assertEqual(self.service.cli_json("quarantine", "drop", "--all"), {"dropped": 2})
        self.assertEqual(self.rich.quarantine(), [])
        self.assertEqual(self.service.cli_json("quarantine", "retry", "--all"), {"retried": 0})
        self.assertEqual(self.service.cli("quarantine", "drop", check=False).returncode, 2)
        self.restart()
        self.assertEqual(self.rich.quarantine(), [])
        self.wait_opened(self.send(2))

    def configure_app(self, client_id):
        """By a reload, as if that was our application."""
        self.service.config["tenants"]["contoso"]["client_id"] = client_id

        def reloaded():
            return self.service.log_tail(10_000).count("configuration reloaded")
        before = reloaded()
        self.reload()
        stack.wait_until(lambda: reloaded() > before, 30, "the configuration is reloaded", self.service.check_running)

    def false_by_mistake(self, reason):
        """Under a wrong client_id all is false; once that is mended a retry hands it over."""
        self.rich.recorder.hold()
        changes = self.send(3)
        held = {id(posted): posted for posted in map(self.rich.recorder.post_of, (c["resource"] for c in changes))}
        self.configure_app(OTHER_APP)
        for posted in held.values():
            self.assertEqual(self.rich.recorder.send(posted.path, posted.body)[0], 202)
        self.wait_quarantined(6, "--reason", reason)
        self.assertEqual(self.service.cli_json("quarantine", "retry", "--all"), {"retried": 6})
        self.wait_metric("graphhook_items_disproved_total", 12, reason=reason)
        self.configure_app(stack.CLIENT_ID)
        self.wait_quarantined(6)
        self.assertEqual(self.service.cli_json("quarantine", "retry", "--all"), {"retried": 6})
        self.wait_opened(changes)
        self.wait_quarantined(0)

    def test_after_a_wrong_client_id_was_mended_a_retry_hands_over(self):
        self.rich.start(basic=False)
        self.false_by_mistake("token_audience")

    def test_so_it_does_for_tokens_that_were_good_before(self):
        self.rich.start(basic=False)
        self.wait_opened(self.send(1))
        self.false_by_mistake("token_coverage")

    def test_no_more_than_the_newest_are_kept(self):
        self.rich.start(basic=False, handlers=("opened",), store={"quarantine_items": 10})
        resources = []
        for _ in range(5):
            resources += [change["resource"] for change in self.send(5, "bad-signature", forgeEvery=1)]
            count = len(resources)
            self.wait_metric("graphhook_items_disproved_total", count)
        rows = self.wait_quarantined(10)
        self.assertEqual({row["resource"] for row in rows}, set(resources[-10:]))
        self.wait_metric("graphhook_quarantine_dropped_total", 15, why="items")
        self.assertEqual(self.metric("graphhook_quarantine_dropped_total"), 15)
        self.restart()
        self.assertEqual(self.rich.quarantine(), rows)
        self.assertEqual(self.opened(resources[0]), [])
        self.wait_opened(self.send(3))

    def test_a_genuine_item_comes_through_after_a_forged_copy_of_it(self):
        self.rich.start(basic=False)
        self.rich.recorder.hold()
        change, = self.send(1)
        genuine = self.rich.recorder.post_of(change["resource"])
        forged = with_bad_signature(genuine.body)
        self.assertEqual(self.rich.recorder.send(genuine.path, forged)[0], 202)
        self.wait_quarantined(2)
        self.assertEqual(self.opened(change["resource"]), [])
        self.assertEqual(self.rich.recorder.send(genuine.path, genuine.body)[0], 202)
        self.wait_opened([change])
        # Nor does one after it bring it once more.
        self.assertEqual(self.rich.recorder.send(genuine.path, forged)[0], 202)
        self.wait_quarantined(4)
        self.rich.recorder.release()
        self.wait_opened(self.send(1))
        self.assertEqual(len(self.opened(change["resource"])), 1)

    def test_what_is_false_does_not_hold_up_its_resource(self):
        self.rich.start(basic=False)
        changes = self.send(3, "bad-signature", objects=1)
        self.assertEqual(len({change["resource"] for change in changes}), 1)
        stack.wait_until(lambda: len(self.opened(changes[0]["resource"])) == 2, 60, "both genuine ones",
                         self.service.check_running)
        self.assertEqual([line["data"] for line in self.opened(changes[0]["resource"])],
                         [plaintext_of(change) for change in changes[1:]])
        self.wait_quarantined(2)

    def test_a_flood_of_forged_ones_costs_no_genuine_one(self):
        self.rich.start("--queue", "10000", basic=False, recorded=False, store={"quarantine_items": 500})
        changes = self.send(4000, "bad-signature", forgeEvery=2)
        self.service.wait_idle(120)
        genuine = {change["resource"]: plaintext_of(change) for change in changes
                   if "forgery" not in change["items"][0]}
        self.assertEqual(len(genuine), 2000)
        self.assertEqual({item["attempts"] for change in changes for item in change["items"]}, {1})
        for tail in (self.rich.opened, self.rich.closed):
            stack.wait_until(lambda: len(tail.lines) >= 2000, 30, lambda: f"2000 lines, not {len(tail.lines)}")
            self.assertEqual({line["resource"] for _, line in tail.lines}, set(genuine))
            self.assertEqual(len(tail.lines), 2000)
        for _, line in self.rich.opened.lines:
            self.assertEqual(line["data"], genuine[line["resource"]])
        self.wait_metric("graphhook_items_disproved_total", 4000, reason="token_signature")
        self.assertEqual(len(self.rich.quarantine("--limit", "10000")), 500)
        self.wait_metric("graphhook_quarantine_dropped_total", 3500)
        status = self.emulator.status()
        self.assertEqual((status["postsRefused"], status["postsTimedOut"], status["postsRetried"]), (0, 0, 0))


if __name__ == "__main__":
    unittest.main()
