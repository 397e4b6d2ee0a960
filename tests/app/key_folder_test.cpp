// The keys of a process: a real folder, a real store, a clock of our own.

#include "app/service/key_folder.hpp"

#include "core/base64.hpp"
#include "core/time_text.hpp"
#include "tests/support/hand_clock.hpp"
#include "tests/support/open_store.hpp"

#include <gmock/gmock.h>
#include <prometheus/text_serializer.h>

#include <filesystem>

namespace graphhook::app {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class FolderClock final : public graphhook::test::HandClock {
  public:
    FolderClock() : HandClock(parse_time("2026-11-21T12:00:00Z").value()) {}
};

class KeyFolderTest : public ::testing::Test {
  protected:
    KeyFolderTest() {
        options.folder = store.dir.file("keys");
        open();
    }

    void open() {
        folder.reset();
        registry = std::make_unique<prometheus::Registry>();
        folder = std::make_unique<KeyFolder>(
            options, KeyFolder::Parts{
                         .store = *store,
                         .clock = clock,
                         .registry = *registry,
                         .in_use = [this] { return in_use; },
                         .on_change = [this] { ++changes; }
                     }
        );
        folder->read();
    }

    void make(const std::string& id) {
        authenticity::NewKey wanted;
        wanted.id = id;
        const auto made = authenticity::create_key(options.folder, wanted, clock.system_now());
        ASSERT_TRUE(made) << to_string(made.error());
    }

    /// Time passes, and the folder's thread does what it does then.
    void pass(std::chrono::hours time) {
        clock.advance(time);
        folder->tick();
    }

    std::vector<std::string> lines() {
        std::vector<std::string> all;
        for (const auto& row : folder->list())
            all.push_back(row.id + ' ' + std::string(to_string(row.state)));
        return all;
    }

    std::string metrics() { return prometheus::TextSerializer().Serialize(registry->Collect()); }

    void store_one() {
        const auto appended = wait_for<store::Appended>([&](Completion<store::Appended> done) {
            store::Item item;
            item.stream = std::make_shared<store::Stream>(
                store::Stream{store::Lane::Change, "contoso", "inbox", "message", "created"}
            );
            item.subscription_id = "s";
            item.resource = "users/x/messages/1";
            item.body = R"({"id":"1"})";
            std::vector<store::Item> items;
            items.push_back(std::move(item));
            store->append(std::move(items), clock.system_now(), std::move(done));
        });
        ASSERT_TRUE(appended);
    }

    FolderClock clock;
    test::OpenStore store{clock};
    KeysOptions options;
    std::map<std::string, std::size_t> in_use;
    int changes = 0;
    std::unique_ptr<prometheus::Registry> registry;
    std::unique_ptr<KeyFolder> folder;
};

TEST_F(KeyFolderTest, WithoutAFolderThereAreNoKeysAndNoCertificate) {
    EXPECT_FALSE(folder->certificate());
    folder->tick();
    EXPECT_THAT(lines(), IsEmpty());
    EXPECT_EQ(changes, 0);
}

TEST_F(KeyFolderTest, ANewKeyIsTakenUpByItselfAndTold) {
    make("one");
    folder->tick();
    EXPECT_EQ(changes, 1);
    const auto certificate = folder->certificate();
    ASSERT_TRUE(certificate);
    EXPECT_EQ(certificate->id, "one");
    EXPECT_EQ(certificate->der_base64, to_base64(folder->keyring()->keys().at(0)->der));
    EXPECT_EQ(certificate->not_after, folder->keyring()->keys().at(0)->not_after);
    folder->tick();
    EXPECT_EQ(changes, 1);
    clock.advance(1h);
    make("two");
    folder->look();
    EXPECT_EQ(changes, 2);
    EXPECT_EQ(folder->certificate()->id, "two");
}

TEST_F(KeyFolderTest, TimeAloneMayMakeAnotherKeyTheCurrentOne) {
    clock.advance(24h);
    make("later");
    clock.set_wall_clock(-(24h));
    folder->tick();
    EXPECT_FALSE(folder->certificate());
    EXPECT_THAT(lines(), ElementsAre("later coming"));
    const auto before = changes;
    pass(25h);
    EXPECT_EQ(changes, before + 1);
    EXPECT_EQ(folder->certificate()->id, "later");
}

TEST_F(KeyFolderTest, AReplacedKeyIsRetiredOnceNothingCanNeedIt) {
    make("old");
    in_use["old"] = 2;
    folder->tick();
    clock.advance(1h);
    make("new");
    folder->tick();
    EXPECT_THAT(lines(), ElementsAre("new current", "old in_use"));
    pass(24h * 30);
    EXPECT_THAT(lines(), ElementsAre("new current", "old in_use"));
    in_use = {{"new", 2}};
    pass(24h * 7 - 1h);
    EXPECT_THAT(lines(), ElementsAre("new current", "old idle"));
    EXPECT_NE(folder->keyring()->find("old", ""), nullptr);
    const auto before = changes;
    pass(1h);
    EXPECT_THAT(lines(), ElementsAre("new current", "old retired"));
    EXPECT_EQ(folder->keyring()->find("old", ""), nullptr);
    EXPECT_FALSE(std::filesystem::exists(options.folder + "/old.pem"));
    EXPECT_TRUE(std::filesystem::exists(options.folder + "/old.pem.retired"));
    EXPECT_EQ(changes, before);
}

TEST_F(KeyFolderTest, WhatIsStoredFromItsTimeKeepsAKey) {
    make("old");
    folder->tick();
    store_one();
    clock.advance(1h);
    make("new");
    pass(24h * 8);
    EXPECT_THAT(lines(), ElementsAre("new current", "old waiting"));
    EXPECT_THAT(metrics(), HasSubstr("graphhook_encryption_keys{state=\"waiting\"} 1"));
}

TEST_F(KeyFolderTest, WhileACertificateIsNotNamedItMayBeAnyOfThem) {
    make("old");
    folder->tick();
    clock.advance(1h);
    make("new");
    in_use["?"] = 1;
    pass(24h * 8);
    EXPECT_THAT(lines(), ElementsAre("new current", "old idle"));
    in_use.clear();
    pass(24h * 7);
    EXPECT_THAT(lines(), ElementsAre("new current", "old retired"));
}

TEST_F(KeyFolderTest, WhatTheStoreKnowsToBeInUseIsNotRetiredBeforeAnybodyElseKnows) {
    make("old");
    folder->tick();
    clock.advance(1h);
    make("new");
    folder->tick();
    store::SubscriptionRecord record;
    record.state = store::SubscriptionState::Active;
    record.name = "inbox";
    record.tenant = "contoso";
    record.certificate_id = "old";
    record.graph_id = "g";
    const auto put = wait_for<std::int64_t>([&](Completion<std::int64_t> done) {
        store->put_subscription(record, std::move(done));
    });
    ASSERT_TRUE(put);
    // As after a long stop: nobody has told yet who uses what.
    clock.advance(24h * 8);
    open();
    folder->tick();
    EXPECT_NE(folder->keyring()->find("old", ""), nullptr);
    EXPECT_TRUE(std::filesystem::exists(options.folder + "/old.pem"));
}

TEST_F(KeyFolderTest, ARestartForgetsNoUse) {
    make("old");
    folder->tick();
    clock.advance(1h);
    make("new");
    folder->tick();
    pass(24h * 6);
    open();
    pass(24h);
    EXPECT_THAT(lines(), ElementsAre("new current", "old retired"));
}

TEST_F(KeyFolderTest, AKeyThatWasNeverSeenCountsAsUsedUntilNow) {
    make("old");
    clock.advance(24h * 90);
    make("new");
    folder->tick();
    EXPECT_THAT(lines(), ElementsAre("new current", "old idle"));
}

TEST_F(KeyFolderTest, WhatCanNotBeReadNowStaysAsItWas) {
    make("one");
    folder->tick();
    std::filesystem::permissions(options.folder, std::filesystem::perms(0755));
    folder->look();
    EXPECT_EQ(folder->certificate()->id, "one");
    std::filesystem::permissions(options.folder, std::filesystem::perms(0700));
    std::filesystem::resize_file(options.folder + "/one.pem", 10);
    folder->look();
    EXPECT_EQ(folder->certificate()->id, "one");
    std::filesystem::remove(options.folder + "/one.pem");
    folder->look();
    EXPECT_FALSE(folder->certificate());
}

TEST_F(KeyFolderTest, TheEndOfWhatIsUsedIsMeasuredAndOfNothingElse) {
    make("old");
    in_use["old"] = 1;
    folder->tick();
    clock.advance(1h);
    make("new");
    folder->look();
    constexpr const char* kExpiry = "graphhook_encryption_certificate_expiry_timestamp_seconds{";
    EXPECT_THAT(metrics(), HasSubstr(std::string(kExpiry) + "certificate=\"old\"}"));
    EXPECT_THAT(metrics(), HasSubstr(std::string(kExpiry) + "certificate=\"new\"}"));
    EXPECT_THAT(metrics(), HasSubstr("graphhook_encryption_keys{state=\"in_use\"} 1"));
    in_use.clear();
    folder->look();
    EXPECT_THAT(metrics(), Not(HasSubstr("certificate=\"old\"")));
}

TEST_F(KeyFolderTest, ItsThreadSettlesAndEnds) {
    make("one");
    folder->start();
    folder->stop();
    folder->start();
    folder.reset();
    SUCCEED();
}

}  // namespace
}  // namespace graphhook::app
