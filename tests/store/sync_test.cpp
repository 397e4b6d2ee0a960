#include "tests/store/store_fixture.hpp"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <future>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Syncing : public StoreFixture {
  protected:
    static SyncKey key(const std::string& element = "") { return {"contoso", "mail", element}; }
    SyncChange change(const std::string& element = "") {
        SyncChange made;
        made.state.key = key(element);
        made.state.resource = "users/a/messages";
        return made;
    }
    Result<std::monostate> put(SyncChange change) { return put(*opened, std::move(change)); }
    static Result<std::monostate> put(Store& store, SyncChange change) {
        return wait_for<std::monostate>([&](Completion<std::monostate> done) {
            store.change_sync(std::move(change), std::move(done));
        });
    }
    std::vector<SyncState> states() { return states(*opened); }
    static std::vector<SyncState> states(Store& store) {
        auto states = wait_for<std::vector<SyncState>>([&](Completion<std::vector<SyncState>> done
                                                       ) { store.sync_states(std::move(done)); });
        EXPECT_TRUE(states.has_value());
        return states ? std::move(*states) : std::vector<SyncState>{};
    }
    std::vector<Watermark> marks(const SyncKey& of) { return marks(*opened, of); }
    static std::vector<Watermark> marks(Store& store, const SyncKey& of) {
        auto marks = wait_for<std::vector<Watermark>>([&](Completion<std::vector<Watermark>> done) {
            store.watermarks(of, std::move(done));
        });
        EXPECT_TRUE(marks.has_value());
        return marks ? std::move(*marks) : std::vector<Watermark>{};
    }
    std::vector<std::string> parts(const SyncKey& of) {
        std::vector<std::string> all;
        for (const auto& mark : marks(of)) all.push_back(mark.part);
        return all;
    }
    Result<std::monostate> put_note(const std::string& name, const std::string& text) {
        return wait_for<std::monostate>([&](Completion<std::monostate> done) {
            opened->put_note(name, text, std::move(done));
        });
    }
    static std::string note(Store& store, const std::string& name) {
        const auto text = wait_for<std::string>([&](Completion<std::string> done) {
            store.note(name, std::move(done));
        });
        EXPECT_TRUE(text.has_value());
        return text ? *text : "";
    }
};

TEST_F(Syncing, EveryFieldIsReadBackAsItWasWritten) {
    SyncChange full = change("element");
    full.state.baseline_at = in(1s);
    full.state.swept_at = in(2s);
    full.state.wanted_at = in(3s);
    full.state.reason = "missed";
    full.state.attempt_at = in(4s);
    full.state.failures = 5;
    full.state.last_error = "429";
    full.state.found = 6'000'000'000;
    full.put = {{"inbox", "https://graph/delta?$skiptoken=x", in(7s), true}, {"", "all", in(8s)}};
    ASSERT_TRUE(put(full).has_value());
    opened.reopen();
    const auto all = states();
    ASSERT_THAT(all, SizeIs(1));
    const SyncState& read = all.front();
    EXPECT_EQ(read.key, full.state.key);
    EXPECT_EQ(read.resource, full.state.resource);
    EXPECT_EQ(read.baseline_at, full.state.baseline_at);
    EXPECT_EQ(read.swept_at, full.state.swept_at);
    EXPECT_EQ(read.wanted_at, full.state.wanted_at);
    EXPECT_EQ(read.reason, full.state.reason);
    EXPECT_EQ(read.attempt_at, full.state.attempt_at);
    EXPECT_EQ(read.failures, full.state.failures);
    EXPECT_EQ(read.last_error, full.state.last_error);
    EXPECT_EQ(read.found, full.state.found);
    const auto of_it = marks(full.state.key);
    ASSERT_THAT(of_it, SizeIs(2));
    EXPECT_EQ(of_it[0].part, "");
    EXPECT_EQ(of_it[0].link, "all");
    EXPECT_FALSE(of_it[0].partial);
    EXPECT_EQ(of_it[1].part, "inbox");
    EXPECT_EQ(of_it[1].link, full.put[0].link);
    EXPECT_EQ(of_it[1].taken_at, in(7s));
    EXPECT_TRUE(of_it[1].partial);
}

TEST_F(Syncing, TimesThatNeverWereAreZero) {
    ASSERT_TRUE(put(change()).has_value());
    EXPECT_EQ(states().front().baseline_at, SystemTime{});
    EXPECT_EQ(states().front().wanted_at, SystemTime{});
}

TEST_F(Syncing, AChangeReplacesTheStateAndOnlyTheWatermarksItNames) {
    SyncChange first = change();
    first.put = {{"a", "1", {}}, {"b", "1", {}}, {"c", "1", {}}};
    ASSERT_TRUE(put(first).has_value());
    SyncChange second = change();
    second.state.found = 2;
    second.put = {{"b", "2", {}}};
    second.erase = {"a", "never there"};
    ASSERT_TRUE(put(second).has_value());
    ASSERT_THAT(states(), SizeIs(1));
    EXPECT_EQ(states().front().found, 2u);
    EXPECT_THAT(
        marks(key()), ElementsAre(Field(&Watermark::link, "2"), Field(&Watermark::link, "1"))
    );
    EXPECT_THAT(parts(key()), ElementsAre("b", "c"));
}

TEST_F(Syncing, AllPartsThatWereThereBeforeGoBeforeThoseThatAreNew) {
    SyncChange first = change();
    first.put = {{"a", "1", {}}, {"b", "1", {}}};
    ASSERT_TRUE(put(first).has_value());
    SyncChange anew = change();
    anew.erase_parts = true;
    anew.put = {{"b", "2", {}}};
    ASSERT_TRUE(put(anew).has_value());
    EXPECT_THAT(marks(key()), ElementsAre(Field(&Watermark::link, "2")));
}

TEST_F(Syncing, ErasingLeavesNothingOfAKeyAndTouchesNoOther) {
    for (const char* element : {"a", "b"}) {
        SyncChange made = change(element);
        made.put = {{"", element, {}}};
        ASSERT_TRUE(put(made).has_value());
    }
    SyncChange gone = change("a");
    gone.erase_all = true;
    ASSERT_TRUE(put(gone).has_value());
    ASSERT_TRUE(put(gone).has_value()) << "twice is no fault";
    EXPECT_THAT(marks(key("a")), IsEmpty());
    EXPECT_THAT(marks(key("b")), ElementsAre(Field(&Watermark::link, "b")));
    ASSERT_THAT(states(), SizeIs(1));
    EXPECT_EQ(states().front().key.element, "b");
    ASSERT_TRUE(put(change("a")).has_value());
    EXPECT_THAT(marks(key("a")), IsEmpty()) << "nor does it come back with the key";
}

TEST_F(Syncing, KeysDifferInTenantNameAndElement) {
    std::vector<SyncKey> keys = {
        {"t", "n", "e"}, {"t2", "n", "e"}, {"t", "n2", "e"}, {"t", "n", "e2"}, {"t", "n", "E"}
    };
    for (const auto& one : keys) {
        SyncChange made;
        made.state.key = one;
        made.put = {{"", one.tenant + one.name + one.element, {}}};
        ASSERT_TRUE(put(made).has_value());
    }
    EXPECT_THAT(states(), SizeIs(keys.size()));
    for (const auto& one : keys) {
        EXPECT_THAT(
            marks(one), ElementsAre(Field(&Watermark::link, one.tenant + one.name + one.element))
        );
    }
    EXPECT_THAT(marks({"t", "n", "unknown"}), IsEmpty());
}

TEST_F(Syncing, ManyStatesAndManyPartsAreReadWholeAndInOrder) {
    constexpr std::size_t kMany = 2'500;
    std::vector<std::future<bool>> done;
    for (std::size_t i = 0; i < kMany; ++i) {
        auto promise = std::make_shared<std::promise<bool>>();
        done.push_back(promise->get_future());
        opened->change_sync(
            change(std::to_string(i)), {nullptr, [promise](const Result<std::monostate>& put
                                                 ) { promise->set_value(put.has_value()); }}
        );
    }
    for (auto& one : done) EXPECT_TRUE(one.get());
    SyncChange wide = change("7");
    for (std::size_t i = 0; i < kMany; ++i) wide.put.push_back({std::to_string(i), "link", {}});
    ASSERT_TRUE(put(wide).has_value());
    EXPECT_THAT(states(), SizeIs(kMany));
    const auto all = parts(key("7"));
    ASSERT_THAT(all, SizeIs(kMany));
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
}

TEST_F(Syncing, ANoteIsKeptReplacedAndErasedByAnEmptyOne) {
    EXPECT_EQ(note(*opened, "quota"), "");
    ASSERT_TRUE(put_note("quota", "one").has_value());
    ASSERT_TRUE(put_note("other", "x").has_value());
    ASSERT_TRUE(put_note("quota", "two").has_value());
    opened.reopen();
    EXPECT_EQ(note(*opened, "quota"), "two");
    ASSERT_TRUE(put_note("quota", "").has_value());
    EXPECT_EQ(note(*opened, "quota"), "");
    EXPECT_EQ(note(*opened, "other"), "x");
}

TEST_F(Syncing, ANoteIsBoundedAndNamed) {
    EXPECT_EQ(put_note("n", std::string(64u << 10, 'x')).error().code, Errc::BadInput);
    EXPECT_TRUE(put_note("n", std::string((64u << 10) - 1, 'x')).has_value());
    EXPECT_EQ(put_note("", "x").error().code, Errc::BadInput);
}

TEST_F(Syncing, WhoOnlyLooksReadsItAndChangesNothing) {
    SyncChange made = change();
    made.put = {{"", "link", {}}};
    ASSERT_TRUE(put(made).has_value());
    ASSERT_TRUE(put_note("n", "text").has_value());
    const auto looking = open_store_read_only(opened.options, clock, opened.metrics);
    ASSERT_TRUE(looking.has_value());
    EXPECT_THAT(states(**looking), SizeIs(1));
    EXPECT_THAT(marks(**looking, key()), SizeIs(1));
    EXPECT_EQ(note(**looking, "n"), "text");
    EXPECT_EQ(put(**looking, made).error().code, Errc::Refused);
}

TEST_F(Syncing, AFileOfTheFirstSchemaIsMigratedWithAllThatIsInIt) {
    SubscriptionRecord record;
    record.name = "inbox";
    record.tenant = "contoso";
    record.graph_id = "id";
    record.state = SubscriptionState::Active;
    ASSERT_TRUE(call.put(record).has_value());
    ASSERT_TRUE(call.attach("h").has_value());
    ASSERT_TRUE(append({identified("a", "1"), lifecycle("b")}).has_value());
    opened.close();
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(opened.dir.file("store.db").c_str(), &raw), SQLITE_OK);
    EXPECT_EQ(
        sqlite3_exec(
            raw,
            "DROP TABLE unsid; DROP TABLE receipt; DROP TABLE proof; DROP TABLE quarantine; DROP "
            "TABLE disowned; ALTER TABLE "
            "subscription DROP COLUMN certificate_id; DROP INDEX head_versions; DROP TABLE "
            "sync_state; DROP TABLE watermark; DROP TABLE "
            "note; ALTER TABLE stream DROP COLUMN source; ALTER TABLE subscription DROP COLUMN "
            "element; ALTER TABLE subscription DROP COLUMN sync; PRAGMA user_version=1",
            nullptr, nullptr, nullptr
        ),
        SQLITE_OK
    ) << sqlite3_errmsg(raw);
    sqlite3_close(raw);

    const auto looking = open_store_read_only(opened.options, clock, opened.metrics);
    ASSERT_FALSE(looking.has_value()) << "who only looks does not migrate";
    EXPECT_EQ(looking.error().code, Errc::Conflict);

    opened.reopen();
    EXPECT_NE(opened->known()->by_id("id"), nullptr);
    EXPECT_EQ(call.subscriptions()->front().element, "");
    EXPECT_EQ(call.subscriptions()->front().sync, Sync::None);
    EXPECT_EQ(append({identified("a", "1")})->repeated, 1u);
    ASSERT_TRUE(call.attach("h").has_value());
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(2));
    EXPECT_EQ(leased[0].stream->source, Source::Notification);
    ASSERT_TRUE(put(change()).has_value());
    EXPECT_THAT(states(), SizeIs(1));
}

}  // namespace
}  // namespace graphhook::store
