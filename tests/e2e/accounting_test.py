#!/usr/bin/env python3
"""The accounting that the demo and these tests rely on sees a loss when there is one."""

import unittest

from harness import accounting

SUBSCRIPTION = "7D0C2F3E-0000-4000-8000-000000000001"


def change(number, at, resource="Users/u/Messages/m", etag=None, state="accepted", kind="updated"):
    entry = {"number": number, "at": f"2026-11-21T08:00:{at:09.6f}Z", "change": kind, "resource": resource,
             "items": [{"subscriptionId": SUBSCRIPTION, "state": state}]}
    return entry | ({"etag": etag} if etag else {})


def line(ident, at, resource="users/u/messages/M", etag=None, kind="updated", replayed=False):
    seen = accounting.seconds_of(f"2026-11-21T08:00:{at:09.6f}Z")
    data = {"@odata.etag": etag} if etag else None
    return seen, {"id": str(ident), "subscription": "s", "resource": resource, "change": kind, "replayed": replayed,
                  "item": {"subscriptionId": SUBSCRIPTION.lower(), "resourceData": data}}


class Tests(unittest.TestCase):
    def lost(self, changes, lines):
        return [one["number"] for one, _ in accounting.lost(changes, lines)]

    def test_a_change_with_a_delivery_of_its_etag_is_not_lost(self):
        self.assertEqual(self.lost([change(1, 1, etag="a")], [line(1, 2, etag="a")]), [])

    def test_a_change_whose_etag_was_never_delivered_is_lost(self):
        changes = [change(1, 1, etag="a"), change(2, 1.5, etag="b")]
        self.assertEqual(self.lost(changes, [line(1, 2, etag="a")]), [2])

    def test_a_delivery_of_another_change_with_the_same_etag_does_not_count(self):
        self.assertEqual(self.lost([change(1, 1, etag="a", kind="deleted")], [line(1, 2, etag="a")]), [1])

    def test_without_an_etag_a_later_delivery_of_the_resource_will_do(self):
        changes = [change(1, 1), change(2, 1.2), change(3, 1.4)]
        self.assertEqual(self.lost(changes, [line(1, 1.5)]), [])

    def test_without_an_etag_an_earlier_delivery_of_the_resource_will_not_do(self):
        changes = [change(1, 1), change(2, 1.2), change(3, 1.4)]
        self.assertEqual(self.lost(changes, [line(1, 1.3)]), [3])

    def test_a_delivery_of_another_resource_or_subscription_does_not_count(self):
        self.assertEqual(self.lost([change(1, 1)], [line(1, 2, resource="users/u/messages/other")]), [1])
        other = line(1, 2)
        other[1]["item"]["subscriptionId"] = "another"
        self.assertEqual(self.lost([change(1, 1)], [other]), [1])

    def test_of_what_graph_gave_up_no_delivery_is_expected(self):
        self.assertEqual(self.lost([change(1, 1, state="failed"), change(2, 1, state="waiting")], []), [2])

    def test_handed_over_twice_counts_deliveries_and_not_replays(self):
        lines = [line(1, 1), line(1, 2), line(1, 3), line(2, 1), line(3, 1), line(3, 2, replayed=True)]
        self.assertEqual(accounting.handed_over_twice(lines), 1)

    def test_order_is_judged_by_resource_and_by_first_coming(self):
        self.assertEqual(accounting.out_of_order([line(1, 1), line(2, 1), line(1, 2), line(3, 3)]), [])
        self.assertEqual(accounting.out_of_order([line(2, 1), line(1, 1)]), ["1"])
        self.assertEqual(accounting.out_of_order([line(2, 1, resource="a"), line(1, 1, resource="b")]), [])


if __name__ == "__main__":
    unittest.main()
