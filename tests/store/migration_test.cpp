#include "tests/store/store_fixture.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <vector>

namespace graphhook::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// As the release wrote it that knew two schemas. Never changed.
constexpr const char* kSecondSchema = R"sql(
PRAGMA auto_vacuum=INCREMENTAL;
PRAGMA application_id=1195928369;
PRAGMA journal_mode=WAL;
CREATE TABLE stream(
    id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, tenant TEXT NOT NULL, subscription TEXT NOT NULL,
    kind TEXT NOT NULL, change TEXT NOT NULL);
CREATE TABLE head(
    page INTEGER PRIMARY KEY, lane INTEGER NOT NULL, received_at INTEGER NOT NULL,
    before INTEGER NOT NULL, count INTEGER NOT NULL, heads BLOB NOT NULL);
CREATE INDEX head_lifecycle ON head(page) WHERE lane = 1;
CREATE TABLE body(page INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE handler(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, paused INTEGER NOT NULL);
CREATE TABLE route(
    handler INTEGER NOT NULL, stream INTEGER NOT NULL, accepts INTEGER NOT NULL,
    PRIMARY KEY(handler, stream)) WITHOUT ROWID;
CREATE TABLE cursor(
    handler INTEGER NOT NULL, lane INTEGER NOT NULL, page INTEGER NOT NULL, done BLOB NOT NULL,
    PRIMARY KEY(handler, lane)) WITHOUT ROWID;
CREATE TABLE delivery(
    handler INTEGER NOT NULL, id INTEGER NOT NULL, order_key INTEGER NOT NULL,
    state INTEGER NOT NULL, attempts INTEGER NOT NULL, used INTEGER NOT NULL, next_at INTEGER,
    replayed INTEGER NOT NULL, received_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY(handler, id)) WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery(handler, next_at) WHERE state = 2;
CREATE INDEX delivery_key ON delivery(handler, order_key, id);
CREATE TABLE dead(
    handler INTEGER NOT NULL, id INTEGER NOT NULL, order_key INTEGER NOT NULL,
    attempts INTEGER NOT NULL, used INTEGER NOT NULL, replayed INTEGER NOT NULL,
    received_at INTEGER NOT NULL, died_at INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY(handler, id)) WITHOUT ROWID;
CREATE TABLE subscription(
    record INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL, name TEXT NOT NULL,
    tenant TEXT NOT NULL, kind TEXT NOT NULL, resource TEXT NOT NULL, changes TEXT NOT NULL,
    notification_url TEXT NOT NULL, lifecycle_url TEXT NOT NULL, graph_id TEXT NOT NULL,
    state_hash BLOB NOT NULL, client_state TEXT NOT NULL, created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, attempt_at INTEGER NOT NULL,
    failures INTEGER NOT NULL, last_error TEXT NOT NULL, forget_at INTEGER NOT NULL);
CREATE INDEX subscription_graph_id ON subscription(graph_id COLLATE NOCASE) WHERE graph_id <> '';
CREATE INDEX subscription_state_hash ON subscription(state_hash);
CREATE TABLE refused(
    number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, reason TEXT NOT NULL,
    subscription TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counter VALUES('deleted', 0);
ALTER TABLE stream ADD COLUMN source INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subscription ADD COLUMN element TEXT NOT NULL DEFAULT '';
ALTER TABLE subscription ADD COLUMN sync INTEGER NOT NULL DEFAULT 0;
CREATE INDEX head_versions ON head(page) WHERE length(heads) > 8 + 40 * count;
CREATE TABLE sync_state(
    id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, element TEXT NOT NULL,
    resource TEXT NOT NULL, baseline_at INTEGER NOT NULL, swept_at INTEGER NOT NULL,
    wanted_at INTEGER NOT NULL, reason TEXT NOT NULL, attempt_at INTEGER NOT NULL,
    failures INTEGER NOT NULL, last_error TEXT NOT NULL, found INTEGER NOT NULL,
    UNIQUE(tenant, name, element));
CREATE TABLE watermark(
    sync INTEGER NOT NULL, part TEXT NOT NULL, link TEXT NOT NULL, taken_at INTEGER NOT NULL,
    partial INTEGER NOT NULL, UNIQUE(sync, part));
CREATE TABLE note(name TEXT PRIMARY KEY, text TEXT NOT NULL);
PRAGMA user_version=2;
)sql";

/// What the release that knew three added to it.
constexpr const char* kThirdSchema = R"sql(
CREATE TABLE proof(
    number INTEGER PRIMARY KEY AUTOINCREMENT, first_page INTEGER NOT NULL,
    last_page INTEGER NOT NULL, hash BLOB NOT NULL UNIQUE, verdict TEXT NOT NULL,
    tokens BLOB NOT NULL);
CREATE TABLE quarantine(
    id INTEGER NOT NULL, handler INTEGER NOT NULL, order_key INTEGER NOT NULL,
    attempts INTEGER NOT NULL, used INTEGER NOT NULL, replayed INTEGER NOT NULL,
    received_at INTEGER NOT NULL, put_at INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY(id, handler)) WITHOUT ROWID;
CREATE INDEX quarantine_put_at ON quarantine(put_at);
CREATE TABLE disowned(id INTEGER PRIMARY KEY);
ALTER TABLE subscription ADD COLUMN certificate_id TEXT NOT NULL DEFAULT '';
PRAGMA user_version=3;
)sql";

class Migrating : public StoreFixture {
  protected:
    /// Puts a file of that schema in place of the store's, with all that it can hold of it.
    void go_back(const std::string& schema) {
        opened.close();
        const std::string older = opened.dir.file("older.db");
        sqlite3* raw = nullptr;
        ASSERT_EQ(sqlite3_open(older.c_str(), &raw), SQLITE_OK);
        ASSERT_EQ(sqlite3_exec(raw, schema.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
            << sqlite3_errmsg(raw);
        const auto strings = [raw](const std::string& sql) {
            std::vector<std::string> all;
            const auto row = [](void* out, int, char** values, char**) {
                static_cast<std::vector<std::string>*>(out)->emplace_back(values[0]);
                return 0;
            };
            EXPECT_EQ(sqlite3_exec(raw, sql.c_str(), row, &all, nullptr), SQLITE_OK)
                << sqlite3_errmsg(raw);
            return all;
        };
        strings("ATTACH '" + database() + "' AS newer; DELETE FROM counter");
        for (const std::string& table : strings(
                 "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
             )) {
            std::string columns;
            for (const auto& column :
                 strings("SELECT name FROM pragma_table_info('" + table + "')"))
                columns += (columns.empty() ? "" : ", ") + column;
            std::string copy = "INSERT INTO main.";
            copy.append(table).append("(").append(columns).append(") SELECT ").append(columns);
            strings(copy.append(" FROM newer.").append(table));
        }
        sqlite3_close(raw);
        for (const char* end : {"", "-wal", "-shm"}) {
            std::filesystem::remove(database() + end);
        }
        std::filesystem::rename(older, database());
    }
};

TEST_F(Migrating, AFileOfTheSecondSchemaIsMigratedWithAllThatIsInIt) {
    SubscriptionRecord record;
    record.name = "inbox";
    record.tenant = "contoso";
    record.graph_id = "id";
    record.element = "element";
    record.state = SubscriptionState::Active;
    record.sync = Sync::Versions;
    const auto number = call.put(record);
    ASSERT_TRUE(number.has_value());
    ASSERT_TRUE(call.attach("h").has_value());
    ASSERT_TRUE(append({item("dead"), identified("a", "1"), item("b")}).has_value());
    const auto first = call.lease("h", 1);
    ASSERT_THAT(first, SizeIs(1));
    EXPECT_EQ(call.settle("h", first[0], SettleAs::Dead, {}, "never"), 0u);
    go_back(kSecondSchema);
    ASSERT_EQ(in_file("PRAGMA user_version"), 2);

    const auto looking = open_store_read_only(opened.options, clock, opened.metrics);
    ASSERT_FALSE(looking.has_value()) << "who only looks does not migrate";
    EXPECT_EQ(looking.error().code, Errc::Conflict);

    opened.reopen();
    EXPECT_EQ(in_file("PRAGMA user_version"), 4);
    EXPECT_NE(opened->known()->by_id("id"), nullptr);
    const auto records = call.subscriptions();
    ASSERT_THAT(*records, SizeIs(1));
    EXPECT_EQ(records->front().element, "element");
    EXPECT_EQ(records->front().sync, Sync::Versions);
    EXPECT_EQ(records->front().certificate_id, "");
    EXPECT_EQ(append({identified("a", "1")})->repeated, 1u);
    ASSERT_TRUE(call.attach("h").has_value());
    EXPECT_EQ(call.stats("h").dead, 1u);
    const auto leased = call.lease("h");
    EXPECT_THAT(resources(leased), ElementsAre("a", "b"));
    for (const auto& delivery : leased) EXPECT_EQ(delivery.proof, nullptr);

    // And what is new works.
    record.record = *number;
    record.certificate_id = "graphhook-2026";
    ASSERT_TRUE(call.put(record).has_value());
    ASSERT_TRUE(append({rich("c", "[\"token\"]")}).has_value());
    opened.reopen();
    EXPECT_EQ(call.subscriptions()->front().certificate_id, "graphhook-2026");
    ASSERT_TRUE(call.attach("h").has_value());
    const auto again = call.lease("h");
    EXPECT_THAT(resources(again), ElementsAre("a", "b", "c"));
    ASSERT_NE(again.back().proof, nullptr);
    EXPECT_EQ(again.back().proof->tokens, "[\"token\"]");
}

TEST_F(Migrating, AFileOfTheThirdSchemaIsMigratedWithAllThatIsInIt) {
    SubscriptionRecord record;
    record.name = "inbox";
    record.tenant = "contoso";
    record.graph_id = "id";
    record.state = SubscriptionState::Active;
    record.certificate_id = "graphhook-2026";
    ASSERT_TRUE(call.put(record).has_value());
    ASSERT_TRUE(call.attach("h").has_value());
    ASSERT_TRUE(append({item("dead"), rich("false", "[\"token\"]"), item("done"), item("a"),
                        rich("b", "[\"token\"]")})
                    .has_value());
    const auto first = call.lease("h", 3);
    ASSERT_THAT(first, SizeIs(3));
    EXPECT_EQ(call.settle("h", first[0], SettleAs::Dead, {}, "never"), 0u);
    EXPECT_EQ(call.settle("h", first[1], SettleAs::Quarantine, {}, "token_signature: no"), 0u);
    EXPECT_EQ(call.settle("h", first[2]), 0u);
    ASSERT_TRUE(call.put_verdict(first[1].proof->number, "judged").has_value());
    go_back(std::string(kSecondSchema) + kThirdSchema);
    ASSERT_EQ(in_file("PRAGMA user_version"), 3);

    const auto looking = open_store_read_only(opened.options, clock, opened.metrics);
    ASSERT_FALSE(looking.has_value()) << "who only looks does not migrate";
    EXPECT_EQ(looking.error().code, Errc::Conflict);
    EXPECT_THAT(looking.error().detail, HasSubstr("earlier release"));
    EXPECT_EQ(in_file("PRAGMA user_version"), 3);

    opened.reopen();
    EXPECT_EQ(in_file("PRAGMA user_version"), 4);
    EXPECT_EQ(call.subscriptions()->front().certificate_id, "graphhook-2026");
    ASSERT_TRUE(call.attach("h").has_value());
    EXPECT_EQ(call.stats("h").dead, 1u);
    EXPECT_EQ(call.stats().quarantined["token_signature"], 1u);
    const auto rows = call.list();
    ASSERT_THAT(*rows, SizeIs(5));
    for (const DeliveryRow& row : *rows) EXPECT_EQ(row.receipt, "");
    auto leased = call.lease("h");
    ASSERT_THAT(resources(leased), ElementsAre("a", "b"));
    ASSERT_NE(leased[1].proof, nullptr);
    EXPECT_EQ(leased[1].proof->tokens, "[\"token\"]");
    EXPECT_EQ(leased[1].proof->verdict, "judged");

    // And what is new works.
    Settlement done = settlement(leased[0]);
    done.receipt = R"({"status":201})";
    ASSERT_TRUE(call.settle("h", {done}).has_value());
    const Unsid unsid{"tenant", "user", "unsid", "ios", "client", in(std::chrono::hours(1)),
                      in({})};
    EXPECT_EQ(call.put(unsid).value(), UnsidPut::Registered);
    opened.reopen();
    EXPECT_THAT(*call.unsids(), ElementsAre(unsid));
    EXPECT_EQ(call.show(leased[0].id)->deliveries.at(0).receipt, R"({"status":201})");
}

}  // namespace
}  // namespace graphhook::store
