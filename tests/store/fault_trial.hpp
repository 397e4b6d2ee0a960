#pragma once

#include "tests/store/fault_vfs.hpp"
#include "tests/store/store_fixture.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::store {

/// What is known of something asked for: not asked, asked but unanswered or failed, acknowledged.
enum class Word : std::uint8_t { No, Maybe, Yes };

struct Fate {
    std::string key;
    std::size_t call = 0;
    Word stored = Word::No, done = Word::No, dead = Word::No, quarantined = Word::No;
    bool retried = false;
    std::string receipt;            ///< The last that was acknowledged.
    std::set<std::string> perhaps;  ///< Asked for since, unanswered or failed.
};

inline std::string receipt_of(const Delivery& delivery, SettleAs as) {
    if (delivery.id.value % 3 == 0 || as == SettleAs::Release) return {};
    return delivery.resource + " " + std::to_string(static_cast<int>(as));
}

/// A store on a breaking disk, a workload, and the record of what was promised.
class Trial {
  public:
    Trial() {
        options_.url = "sqlite:" + dir_.file("store.db");
        options_.vfs = disk.name();
        options_.reserve = 0;
        options_.wal_bytes = 512u << 10;  // checkpoints from 64 KiB on
        options_.retain = std::chrono::minutes(30);
        options_.quarantine_items = 5;
        options_.on_failed = [this](const Error&) { ++failures; };
    }

    bool open() {
        store_.reset();
        registry_ = std::make_unique<prometheus::Registry>();
        metrics_ = std::make_unique<Metrics>(*registry_);
        auto opened = open_store(options_, clock_, *metrics_);
        if (!opened) return false;
        store_ = std::move(*opened);
        disk.directory_synced();  // as open_store() did, outside of SQLite
        return true;
    }
    void close() { store_.reset(); }

    /// Goes on as far as it gets.
    void work(int rounds) {
        if (!open()) return;
        if (!attach()) return;
        for (int round = 0; round < rounds; ++round) {
            append({"a", "b", "a", "c"}, round % 5 == 0 ? 3000 : 40);
            append({"d", "a"}, 40);
            append({"e", "a", "f"}, 40, "tokens " + std::to_string(round / 3));
            lend(3, round);
            if (round % 3 == 1) subscribe(round);
            if (round % 3 == 2) sweep(round);
            if (round % 2 == 0) hand_in(round);
            lend(8, round + 1);
            if (round % 4 == 3) {
                clock_.advance(std::chrono::minutes(10));
                static_cast<void>(stats());
            }
            if (round % 6 == 5) replay_dead();
            if (round % 5 == 4) retry_quarantined();
        }
    }

    void append(
        const std::vector<std::string>& keys, std::size_t size, const std::string& tokens = ""
    ) {
        std::vector<Item> items;
        std::vector<std::string> names;
        const std::size_t call = calls_++;
        for (const std::string& key : keys) {
            const std::string name = key + "/" + std::to_string(next_++);
            names.push_back(name);
            Fate& fate = fates_[name];
            fate.key = key;
            fate.call = call;
            fate.stored = Word::Maybe;
            items.push_back(make(key, name, size));
            bodies_[name] = items.back().body;
            if (tokens.empty()) continue;
            items.back().tokens = std::make_shared<const std::string>(tokens);
            tokens_[name] = tokens;
        }
        const auto result = wait_for<Appended>([&](Completion<Appended> done) {
            store_->append(std::move(items), clock_.system_now(), std::move(done));
        });
        note(result);
        if (!result) return;
        EXPECT_EQ(result->stored, keys.size());
        for (const auto& name : names) fates_[name].stored = Word::Yes;
    }

    void lend(std::size_t limit, int round) {
        LeaseRequest request;
        request.handler = "h";
        request.limit = limit;
        const auto leased =
            wait_for<std::vector<Delivery>>([&](Completion<std::vector<Delivery>> done) {
                store_->lease(request, std::move(done));
            });
        note(leased);
        if (!leased) return;
        std::vector<Settlement> settlements;
        std::size_t number = static_cast<std::size_t>(round);
        for (const Delivery& delivery : *leased) check(delivery);
        for (const Delivery& delivery : *leased) {
            if (delivery.proof != nullptr && delivery.proof->verdict.empty() && round % 2 == 0)
                judge(*delivery.proof);
            Fate& fate = fates_[delivery.resource];
            Settlement settlement;
            settlement.id = delivery.id;
            settlement.attempt = delivery.attempt;
            switch (number++ % 8) {
                case 0:
                    settlement.as = SettleAs::Retry;
                    settlement.at = clock_.system_now() + std::chrono::minutes(5);
                    settlement.reason = "later";
                    fate.retried = true;
                    break;
                case 3:
                    settlement.as = SettleAs::Dead;
                    settlement.reason = "never";
                    fate.dead = Word::Maybe;
                    break;
                case 5:
                    settlement.as = SettleAs::Release;
                    break;
                case 6:
                    settlement.as = SettleAs::Quarantine;
                    settlement.reason = "token_signature: no";
                    fate.quarantined = Word::Maybe;
                    break;
                default:
                    settlement.as = SettleAs::Done;
                    fate.done = Word::Maybe;
            }
            settlement.receipt = receipt_of(delivery, settlement.as);
            if (!settlement.receipt.empty()) fate.perhaps.insert(settlement.receipt);
            settlements.push_back(settlement);
        }
        if (settlements.empty()) return;
        const auto refused = wait_for<std::size_t>([&](Completion<std::size_t> done) {
            store_->settle("h", settlements, std::move(done));
        });
        note(refused);
        if (!refused) return;
        EXPECT_EQ(*refused, 0u);
        for (std::size_t at = 0; at < settlements.size(); ++at) {
            Fate& fate = fates_[leased->at(at).resource];
            if (settlements[at].as == SettleAs::Done) fate.done = Word::Yes;
            if (settlements[at].as == SettleAs::Dead) fate.dead = Word::Yes;
            if (settlements[at].as == SettleAs::Quarantine) fate.quarantined = Word::Yes;
            if (settlements[at].receipt.empty()) continue;
            fate.receipt = settlements[at].receipt;
            fate.perhaps.clear();
        }
    }

    void subscribe(int round) {
        SubscriptionRecord record;
        record.name = "s" + std::to_string(round);
        record.state = SubscriptionState::Active;
        record.graph_id = "id" + std::to_string(round);
        record.state_hash = sha256(record.name);
        subscribed_[record.graph_id] = Word::Maybe;
        const auto number = wait_for<std::int64_t>([&](Completion<std::int64_t> done) {
            store_->put_subscription(record, std::move(done));
        });
        note(number);
        if (!number) return;
        subscribed_[record.graph_id] = Word::Yes;
        EXPECT_NE(store_->known()->by_id(record.graph_id), nullptr);
        if (round % 2 == 0) return;
        erased_[record.graph_id] = Word::Maybe;
        const auto erased = wait_for<std::monostate>([&](Completion<std::monostate> done) {
            store_->erase_subscription(*number, std::move(done));
        });
        note(erased);
        if (erased) erased_[record.graph_id] = Word::Yes;
    }

    /// Where a user's notifications go; some are withdrawn at once.
    void hand_in(int round) {
        const Unsid unsid{
            "tenant",
            "user",
            "unsid " + std::to_string(round),
            "ios",
            "client",
            clock_.system_now() + std::chrono::hours(24),
            clock_.system_now()
        };
        handed_in_[unsid.unsid] = Word::Maybe;
        const auto put = wait_for<UnsidPut>([&](Completion<UnsidPut> done) {
            store_->put_unsid(unsid, std::move(done));
        });
        note(put);
        if (!put) return;
        handed_in_[unsid.unsid] = Word::Yes;
        if (round % 4 == 0) return;
        withdrawn_[unsid.unsid] = Word::Maybe;
        UnsidQuery selection;
        selection.unsid = unsid.unsid;
        const auto dropped = wait_for<std::uint64_t>([&](Completion<std::uint64_t> done) {
            store_->drop_unsids(selection, std::move(done));
        });
        note(dropped);
        if (dropped) withdrawn_[unsid.unsid] = Word::Yes;
    }

    void verify_unsids() {
        const auto found = wait_for<std::vector<Unsid>>([&](Completion<std::vector<Unsid>> done) {
            store_->unsids({}, std::move(done));
        });
        ASSERT_TRUE(found.has_value());
        std::set<std::string> there;
        for (const Unsid& unsid : *found) there.insert(unsid.unsid);
        EXPECT_EQ(there.size(), found->size());
        for (const auto& [unsid, word] : handed_in_) {
            const Word gone = withdrawn_.contains(unsid) ? withdrawn_[unsid] : Word::No;
            if (word == Word::Yes && gone == Word::No)
                EXPECT_TRUE(there.contains(unsid)) << unsid << " was acknowledged and is lost";
            if (gone == Word::Yes) EXPECT_FALSE(there.contains(unsid)) << unsid;
        }
        for (const std::string& unsid : there) EXPECT_TRUE(handed_in_.contains(unsid)) << unsid;
    }

    /// What was acknowledged, or what came after it; together with what it is a receipt of.
    static void verify_receipt(const Fate& fate, const DeliveryRow& row) {
        if (row.receipt != fate.receipt)
            EXPECT_TRUE(fate.perhaps.contains(row.receipt)) << row.resource << ": " << row.receipt;
        const bool finished_once =
            fate.dead == Word::No && fate.quarantined == Word::No && row.id.value % 3 != 0;
        if (fate.done == Word::No || !finished_once) return;
        const std::string done =
            row.resource + " " + std::to_string(static_cast<int>(SettleAs::Done));
        EXPECT_EQ(row.state == DeliveryState::Done, row.receipt == done) << row.receipt;
    }

    /// State and watermarks tell of one round, or of none.
    void sweep(int round) {
        SyncChange change;
        change.state.key = {"contoso", "inbox", "element"};
        change.state.found = static_cast<std::uint64_t>(round);
        change.erase_parts = true;
        for (const char* part : {"", "a", "b"})
            change.put.push_back({part, std::to_string(round), clock_.system_now(), false});
        tried_ = round;
        const auto changed = wait_for<std::monostate>([&](Completion<std::monostate> done) {
            store_->change_sync(change, std::move(done));
        });
        note(changed);
        if (changed) swept_ = round;
    }

    void verify_sweep() {
        const auto states =
            wait_for<std::vector<SyncState>>([&](Completion<std::vector<SyncState>> done) {
                store_->sync_states(std::move(done));
            });
        ASSERT_TRUE(states.has_value());
        EXPECT_LE(states->size(), 1u);
        if (swept_ != 0) EXPECT_EQ(states->size(), 1u) << "a round was acknowledged and is lost";
        if (states->empty()) return;
        const auto found = static_cast<int>(states->front().found);
        EXPECT_GE(found, swept_) << "a round was acknowledged and is lost";
        EXPECT_LE(found, tried_);
        const auto marks =
            wait_for<std::vector<Watermark>>([&](Completion<std::vector<Watermark>> done) {
                store_->watermarks({"contoso", "inbox", "element"}, std::move(done));
            });
        ASSERT_TRUE(marks.has_value());
        EXPECT_EQ(marks->size(), 3u);
        for (const auto& mark : *marks) EXPECT_EQ(mark.link, std::to_string(found));
    }

    void replay_dead() {
        for (auto& [name, fate] : fates_) {
            if (fate.dead != Word::No) fate.dead = Word::Maybe;
        }
        note(wait_for<std::uint64_t>([&](Completion<std::uint64_t> done) {
            store_->replay_dead({"h", {}, {}, {}}, std::move(done));
        }));
    }

    void judge(const Proof& proof) {
        Word& word = judged_[proof.tokens];
        word = Word::Maybe;
        const auto put = wait_for<std::monostate>([&](Completion<std::monostate> done) {
            store_->put_verdict(proof.number, "judged " + proof.tokens, std::move(done));
        });
        note(put);
        if (put) word = Word::Yes;
    }

    void retry_quarantined() {
        for (auto& [name, fate] : fates_) {
            if (fate.quarantined != Word::No) fate.quarantined = Word::Maybe;
        }
        for (auto& [tokens, word] : judged_) word = Word::Maybe;
        note(wait_for<std::uint64_t>([&](Completion<std::uint64_t> done) {
            store_->retry_quarantined({"h", {}, {}, {}}, std::move(done));
        }));
    }

    Result<StoreStats> stats() {
        auto result = wait_for<StoreStats>([&](Completion<StoreStats> done) {
            store_->stats(std::move(done));
        });
        note(result);
        return result;
    }

    bool attach() {
        const auto result = wait_for<std::monostate>([&](Completion<std::monostate> done) {
            store_->attach({"h", [](const Stream&) { return true; }, {}}, std::move(done));
        });
        note(result);
        return result.has_value();
    }

    /// After the disk came back: everything promised is there, nothing half of anything.
    void verify() {
        failed = false;
        ASSERT_TRUE(open()) << "the store does not open again";
        std::set<std::string> present;
        std::map<std::string, DeliveryState> states;
        const auto rows =
            wait_for<std::vector<DeliveryRow>>([&](Completion<std::vector<DeliveryRow>> done) {
                DeliveryQuery query;
                query.limit = 1'000'000;
                store_->list(query, std::move(done));
            });
        ASSERT_TRUE(rows.has_value()) << to_string(rows.error());
        for (const DeliveryRow& row : *rows) {
            EXPECT_TRUE(present.insert(row.resource).second) << row.resource << " is there twice";
            states[row.resource] = row.state;
            verify_receipt(fates_[row.resource], row);
        }
        std::map<std::size_t, std::pair<int, int>> calls;  // present, absent
        bool attached = !rows->empty();
        for (const auto& [name, fate] : fates_) {
            const bool there = present.contains(name);
            const bool finished =
                fate.done != Word::No || fate.dead != Word::No || fate.quarantined != Word::No;
            if (!finished) {
                auto& [with, without] = calls[fate.call];
                ++(there ? with : without);
            }
            if (!there) {
                // Without a handler nothing is listed; what is stored is seen when it is handed
                // over.
                if (attached && !finished)
                    EXPECT_NE(fate.stored, Word::Yes) << name << " was acknowledged and is lost";
                continue;
            }
            const DeliveryState state = states[name];
            if (fate.done == Word::Yes) {
                EXPECT_EQ(state, DeliveryState::Done) << name << " was done";
            } else if (fate.quarantined == Word::Yes) {
                // Or it has given way to newer ones.
                EXPECT_TRUE(state == DeliveryState::Quarantined || state == DeliveryState::Done)
                    << name << " is " << to_string(state);
            } else if (fate.done == Word::No && fate.quarantined == Word::No) {
                EXPECT_NE(state, DeliveryState::Done) << name << " was not";
            }
            if (fate.dead == Word::Yes) EXPECT_EQ(state, DeliveryState::Dead) << name;
            if (fate.dead == Word::No) EXPECT_NE(state, DeliveryState::Dead) << name;
            if (fate.quarantined == Word::No) EXPECT_NE(state, DeliveryState::Quarantined) << name;
        }
        for (const auto& [call, counts] : calls) {
            EXPECT_TRUE(counts.first == 0 || counts.second == 0)
                << "call " << call << " is there in part";
        }
        for (const auto& [id, word] : subscribed_) {
            const Word erased = erased_.contains(id) ? erased_[id] : Word::No;
            const bool known = store_->known()->by_id(id) != nullptr;
            if (word == Word::Yes && erased == Word::No) EXPECT_TRUE(known) << id;
            if (erased == Word::Yes) EXPECT_FALSE(known) << id;
        }
        verify_sweep();
        verify_unsids();
        drain();
        close();
        check_file();
    }

    /// Hands over all that is left, and looks at order and content.
    void drain() {
        ASSERT_TRUE(attach());
        std::map<std::string, std::int64_t> last;
        std::set<std::string> handed;
        for (int idle = 0; idle < 3;) {
            LeaseRequest request;
            request.handler = "h";
            const auto leased =
                wait_for<std::vector<Delivery>>([&](Completion<std::vector<Delivery>> done) {
                    store_->lease(request, std::move(done));
                });
            ASSERT_TRUE(leased.has_value());
            if (leased->empty()) {
                ++idle;
                clock_.advance(std::chrono::minutes(5));
                continue;
            }
            std::set<std::string> keys;
            std::vector<Settlement> settlements;
            for (const Delivery& delivery : *leased) {
                check(delivery);
                const Fate& fate = fates_[delivery.resource];
                EXPECT_TRUE(keys.insert(fate.key).second) << "two of one key at once";
                EXPECT_TRUE(handed.insert(delivery.resource).second) << "twice";
                EXPECT_NE(fate.done, Word::Yes) << delivery.resource << " was done";
                EXPECT_NE(fate.quarantined, Word::Yes) << delivery.resource << " was false";
                if (!delivery.replayed) {
                    EXPECT_LT(last[fate.key], delivery.id.value) << "order of " << fate.key;
                    last[fate.key] = delivery.id.value;
                }
                Settlement settlement;
                settlement.id = delivery.id;
                settlement.attempt = delivery.attempt;
                settlements.push_back(settlement);
            }
            ASSERT_TRUE(wait_for<std::size_t>([&](Completion<std::size_t> done) {
                            store_->settle("h", settlements, std::move(done));
                        }).has_value());
        }
        for (const auto& [name, fate] : fates_) {
            if (fate.stored == Word::Yes && fate.done == Word::No && fate.dead == Word::No &&
                fate.quarantined == Word::No)
                EXPECT_TRUE(handed.contains(name)) << name << " was acknowledged and never came";
        }
        const auto left = stats();
        ASSERT_TRUE(left.has_value());
        for (const auto& handler : left->handlers) EXPECT_EQ(handler.waiting, 0u);
        // All of it is done now; later checks must find it so.
        for (const auto& name : handed) fates_[name].done = Word::Yes;
    }

    FaultDisk disk;
    std::atomic<int> failures{0};
    bool failed = false;

  private:
    Item make(const std::string& key, const std::string& name, std::size_t size) {
        Item made = item(name, std::string(size, 'x'));
        made.order_key = first64(key128(key));
        made.identity = key128(name);
        return made;
    }
    void check(const Delivery& delivery) {
        EXPECT_EQ(delivery.body, bodies_[delivery.resource]) << delivery.resource;
        const auto tokens = tokens_.find(delivery.resource);
        ASSERT_EQ(delivery.proof != nullptr, tokens != tokens_.end()) << delivery.resource;
        if (delivery.proof == nullptr) return;
        EXPECT_EQ(delivery.proof->tokens, tokens->second);
        const auto judged = judged_.find(tokens->second);
        const Word word = judged != judged_.end() ? judged->second : Word::No;
        const std::string verdict = "judged " + tokens->second;
        if (word == Word::Yes) {
            EXPECT_EQ(delivery.proof->verdict, verdict) << "a verdict was acknowledged and is lost";
        } else if (word == Word::No || delivery.proof->verdict != verdict) {
            EXPECT_EQ(delivery.proof->verdict, "");
        }
    }
    /// Once something failed for good, nothing may be acknowledged any more.
    template <class T>
    void note(const Result<T>& result) {
        if (failed) EXPECT_FALSE(result.has_value()) << "acknowledged after a failure";
        if (!result && result.error().code == Errc::Failed) failed = true;
        // A full disk is not the end: a moment later there may be room.
        if (!result && result.error().code == Errc::Full) clock_.advance(std::chrono::seconds(1));
    }
    void check_file() {
        sqlite3* raw = nullptr;
        ASSERT_EQ(
            sqlite3_open_v2(
                dir_.file("store.db").c_str(), &raw, SQLITE_OPEN_READWRITE, disk.name().c_str()
            ),
            SQLITE_OK
        );
        std::string said;
        const auto row = [](void* out, int, char** values, char**) {
            *static_cast<std::string*>(out) += values[0];
            return 0;
        };
        EXPECT_EQ(sqlite3_exec(raw, "PRAGMA integrity_check", row, &said, nullptr), SQLITE_OK);
        EXPECT_EQ(said, "ok");
        said.clear();
        const char* strays =
            "SELECT count(*) FROM receipt WHERE id / 4096 NOT IN (SELECT page FROM head)";
        EXPECT_EQ(sqlite3_exec(raw, strays, row, &said, nullptr), SQLITE_OK);
        EXPECT_EQ(said, "0") << "receipts of what is gone";
        sqlite3_close(raw);
    }

    test::TempDir dir_;
    ManualClock clock_;
    StoreOptions options_;
    std::unique_ptr<prometheus::Registry> registry_;
    std::unique_ptr<Metrics> metrics_;
    std::unique_ptr<Store> store_;
    std::map<std::string, Fate> fates_;
    std::map<std::string, std::string> bodies_, tokens_;
    std::map<std::string, Word> judged_;  ///< By tokens.
    std::map<std::string, Word> subscribed_, erased_;
    std::map<std::string, Word> handed_in_, withdrawn_;
    std::size_t calls_ = 0;
    int next_ = 0;
    int tried_ = 0;  ///< The last sweep that was asked for, and the last acknowledged one.
    int swept_ = 0;
};

}  // namespace graphhook::store
