#include "store/sqlite/file_lock.hpp"
#include "tests/store/store_fixture.hpp"

#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <vector>

namespace graphhook::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Storing : public StoreFixture {
  protected:
    std::string database() const { return opened.dir.file("store.db"); }
    Result<std::unique_ptr<Store>> second() {
        return open_store(opened.options, clock, opened.metrics);
    }
    /// As a later release, an accident or an operator with a shell would.
    void alter(const std::string& sql) {
        sqlite3* raw = nullptr;
        ASSERT_EQ(sqlite3_open(database().c_str(), &raw), SQLITE_OK);
        EXPECT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
            << sqlite3_errmsg(raw);
        sqlite3_close(raw);
    }
};

TEST_F(Storing, AnEmptyAppendIsAnsweredAtOnce) {
    const auto appended = append({});
    ASSERT_TRUE(appended.has_value());
    EXPECT_EQ(appended->stored + appended->repeated + appended->folded, 0u);
}

TEST_F(Storing, RepeatsOfWhatIsCommittedAreCountedNotStored) {
    ASSERT_TRUE(call.attach("h").has_value());
    ASSERT_TRUE(append({identified("a", "1"), identified("a", "2")}).has_value());
    const auto again = append({identified("a", "1"), identified("a", "3")});
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->stored, 1u);
    EXPECT_EQ(again->repeated, 1u);
    EXPECT_EQ(call.stats("h").waiting, 3u);
    opened.reopen();
    const auto after = append({identified("a", "2"), identified("a", "3")});
    ASSERT_TRUE(after.has_value());
    EXPECT_EQ(after->repeated, 2u);
}

TEST_F(Storing, RepeatsWithinOneCommitAreCounted) {
    const auto appended = append({identified("a", "1"), identified("a", "1"), item("a")});
    ASSERT_TRUE(appended.has_value());
    EXPECT_EQ(appended->stored, 2u);
    EXPECT_EQ(appended->repeated, 1u);
}

TEST_F(Storing, CreatedDeletedCreatedIsNoRepeat) {
    // Made of content: the first half is the order key.
    const auto by_content = [](const char* resource, std::uint64_t content) {
        Item made = item(resource);
        std::memcpy(made.identity.emplace().data(), &made.order_key, 8);
        std::memcpy(made.identity->data() + 8, &content, 8);
        return made;
    };
    const Item created = by_content("a", 10);
    const Item deleted = by_content("a", 11);
    EXPECT_EQ(append({created})->stored, 1u);
    EXPECT_EQ(append({created})->repeated, 1u) << "nothing came between";
    EXPECT_EQ(append({deleted})->stored, 1u);
    EXPECT_EQ(append({created})->stored, 1u) << "in three commits";
    EXPECT_EQ(append({deleted, created, created})->stored, 2u) << "in one commit";
    EXPECT_EQ(append({item("a")})->stored, 1u);
    EXPECT_EQ(append({created})->stored, 1u) << "after what nothing identifies";
    EXPECT_EQ(append({item("a")})->stored, 1u);
    opened.reopen();
    EXPECT_EQ(append({created})->stored, 1u) << "and after a restart";
    EXPECT_EQ(append({by_content("b", 10)})->stored, 1u);
    EXPECT_EQ(append({created, by_content("b", 10)})->repeated, 2u) << "others are not concerned";
}

TEST_F(Storing, WhatNothingIdentifiesIsNeverARepeat) {
    const auto appended = append({item("a"), item("a"), item("a")});
    ASSERT_TRUE(appended.has_value());
    EXPECT_EQ(appended->stored, 3u);
}

TEST_F(Storing, TheRepeatWindowEndsAfterItsTime) {
    ASSERT_TRUE(append({identified("a", "1")}).has_value());
    clock.advance(5h);
    static_cast<void>(call.stats());
    const auto again = append({identified("a", "1")});
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->stored, 1u);
}

TEST_F(Storing, TheRepeatWindowIsBoundedByCount) {
    opened.options.repeat_keys = 64;
    opened.reopen();
    for (int i = 0; i < 300; ++i) {
        ASSERT_TRUE(append({identified("a", std::to_string(i))}).has_value());
    }
    EXPECT_LE(call.stats().repeat_keys, 64u + 8u);
    const auto newest = append({identified("a", "299")});
    EXPECT_EQ(newest->repeated, 1u);
    const auto oldest = append({identified("a", "0")});
    EXPECT_EQ(oldest->stored, 1u);
}

TEST_F(Storing, AnItemFoldsIntoAnEqualOneThatStillWaits) {
    ASSERT_TRUE(call.attach("h").has_value());
    ASSERT_TRUE(append({folding("drive")}).has_value());
    const auto second = append({folding("drive"), folding("drive")});
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(second->folded, 2u);
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(1));
    // It is being handled: what comes now may be about what happened since.
    const auto third = append({folding("drive")});
    EXPECT_EQ(third->stored, 1u);
    const auto fourth = append({folding("drive")});
    EXPECT_EQ(fourth->folded, 1u);
    EXPECT_EQ(call.settle("h", leased[0]), 0u);
    EXPECT_THAT(call.lease("h"), SizeIs(1));
}

TEST_F(Storing, AnItemFoldsWithinOneCommit) {
    const auto appended = append({folding("drive"), folding("drive"), folding("other")});
    ASSERT_TRUE(appended.has_value());
    EXPECT_EQ(appended->stored, 2u);
    EXPECT_EQ(appended->folded, 1u);
}

TEST_F(Storing, NothingFoldsPastAnotherChangeOfItsKey) {
    ASSERT_TRUE(append({folding("drive")}).has_value());
    ASSERT_TRUE(append({item("drive", "says something")}).has_value());
    EXPECT_EQ(append({folding("drive")})->stored, 1u);
    // The same within one commit.
    const auto mixed = append({folding("drive"), item("drive", "again"), folding("drive")});
    EXPECT_EQ(mixed->folded, 1u);
    EXPECT_EQ(mixed->stored, 2u);
}

TEST_F(Storing, NothingFoldsIntoWhatWaitsForAnotherTry) {
    ASSERT_TRUE(call.attach("h").has_value());
    ASSERT_TRUE(append({folding("drive")}).has_value());
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(1));
    EXPECT_EQ(call.settle("h", leased[0], SettleAs::Retry, in(1h)), 0u);
    EXPECT_EQ(append({folding("drive")})->stored, 1u);
}

TEST_F(Storing, NumbersAscendAndAreNeverGivenAgain) {
    ASSERT_TRUE(call.attach("h").has_value());
    ASSERT_TRUE(append({item("a")}).has_value());
    const auto first = call.lease("h");
    EXPECT_EQ(call.settle("h", first[0]), 0u);
    opened.options.retain = 0ms;
    opened.reopen();
    ASSERT_TRUE(call.attach("h").has_value());
    clock.advance(1min);
    static_cast<void>(call.stats());
    ASSERT_TRUE(append({item("b")}).has_value());
    const auto second = call.lease("h");
    ASSERT_THAT(second, SizeIs(1));
    EXPECT_GT(second[0].id, first[0].id);
}

TEST_F(Storing, ASecondServeIsRefusedNamingTheHolder) {
    const auto other = second();
    ASSERT_FALSE(other.has_value());
    EXPECT_EQ(other.error().code, Errc::Locked);
    EXPECT_THAT(other.error().detail, HasSubstr("pid " + std::to_string(::getpid())));
}

TEST_F(Storing, NetworkFileSystemsAreKnown) {
    EXPECT_STREQ(network_file_system(0x6969), "NFS");
    EXPECT_STREQ(network_file_system(0xFF534D42), "CIFS");
    EXPECT_STREQ(network_file_system(static_cast<std::int32_t>(0xFF534D42)), "CIFS");
    EXPECT_STREQ(network_file_system(0xFE534D42), "SMB2");
    EXPECT_EQ(network_file_system(0xEF53), nullptr);      // ext4
    EXPECT_EQ(network_file_system(0x58465342), nullptr);  // XFS
}

TEST_F(Storing, FilesAreForTheirOwnerOnly) {
    ASSERT_TRUE(append({item("a")}).has_value());
    for (const auto& entry : std::filesystem::directory_iterator(opened.dir.path())) {
        struct stat about{};
        ASSERT_EQ(::stat(entry.path().c_str(), &about), 0);
        EXPECT_EQ(about.st_mode & 0777, 0600u) << entry.path();
    }
}

TEST_F(Storing, AFileOfALaterReleaseIsRefusedAndLeftAlone) {
    opened.close();
    alter("PRAGMA user_version=99");
    const auto other = second();
    ASSERT_FALSE(other.has_value());
    EXPECT_EQ(other.error().code, Errc::NewerSchema);
    alter("PRAGMA user_version=4");
    EXPECT_TRUE(second().has_value());
}

TEST_F(Storing, AForeignDatabaseIsRefusedAndLeftAlone) {
    opened.close();
    std::filesystem::remove(database());
    alter("CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1)");
    const auto size = std::filesystem::file_size(database());
    const auto other = second();
    ASSERT_FALSE(other.has_value());
    EXPECT_EQ(other.error().code, Errc::Corrupt);
    EXPECT_EQ(std::filesystem::file_size(database()), size);
}

TEST_F(Storing, AFileThatIsNoDatabaseIsRefusedWithASentence) {
    opened.close();
    std::ofstream(database(), std::ios::trunc) << std::string(8192, 'x');
    const auto other = second();
    ASSERT_FALSE(other.has_value());
    EXPECT_EQ(other.error().code, Errc::Corrupt);
    EXPECT_THAT(other.error().detail, HasSubstr("restore it from a backup"));
}

TEST_F(Storing, ATruncatedFileIsRefused) {
    ASSERT_TRUE(call.attach("h").has_value());
    for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(append({item("a", std::string(5000, 'x'))}).has_value());
    }
    opened.close();
    std::filesystem::resize_file(database(), std::filesystem::file_size(database()) / 2 & ~4095ULL);
    const auto other = second();
    ASSERT_FALSE(other.has_value());
    EXPECT_EQ(other.error().code, Errc::Corrupt);
}

TEST_F(Storing, ADamagedPageBecomesDeadLettersAndStopsNobody) {
    ASSERT_TRUE(call.attach("h").has_value());
    ASSERT_TRUE(append({item("a"), item("b")}).has_value());
    ASSERT_TRUE(append({item("c")}).has_value());
    opened.close();
    alter("UPDATE body SET data = replace(data, 'resource', 'RESOURCE') WHERE page = 1");
    opened.reopen();
    ASSERT_TRUE(call.attach("h").has_value());
    EXPECT_THAT(resources(call.lease("h")), ElementsAre("c"));
    EXPECT_EQ(call.stats("h").dead, 2u);
}

TEST_F(Storing, WrongUrlsAreRefusedWithASentence) {
    for (const std::string url : {"postgres://x", "sqlite:", "sqlite:/tmp/"}) {
        StoreOptions options;
        options.url = url;
        const auto other = open_store(options, clock, opened.metrics);
        ASSERT_FALSE(other.has_value());
        EXPECT_EQ(other.error().code, Errc::BadInput) << url;
    }
    StoreOptions options;
    options.url = "sqlite:" + opened.dir.file("no/such/store.db");
    const auto other = open_store(options, clock, opened.metrics);
    ASSERT_FALSE(other.has_value());
    EXPECT_EQ(other.error().code, Errc::BadInput);
}

TEST_F(Storing, BelowTheReserveAppendsAreRefusedAndAllElseGoesOn) {
    ASSERT_TRUE(call.attach("h").has_value());
    ASSERT_TRUE(append({item("a")}).has_value());
    opened.options.reserve = UINT64_MAX;
    opened.reopen();
    ASSERT_TRUE(call.attach("h").has_value());
    const auto refused = append({item("b")});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Errc::Full);
    EXPECT_THAT(call.stats().refusing, HasSubstr("reserve"));
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(1));
    EXPECT_EQ(call.settle("h", leased[0]), 0u);
    EXPECT_EQ(call.stats("h").waiting, 0u);
}

TEST_F(Storing, AboveTheMostWaitingAppendsAreRefusedUntilSomeAreHandled) {
    opened.options.max_waiting = 2;
    opened.reopen();
    ASSERT_TRUE(call.attach("h").has_value());
    ASSERT_TRUE(append({item("a"), item("b")}).has_value());
    clock.advance(2s);
    const auto refused = append({item("c")});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Errc::Full);
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(2));
    EXPECT_EQ(call.settle("h", leased[0]), 0u);
    clock.advance(2s);
    EXPECT_TRUE(append({item("c")}).has_value());
}

TEST_F(Storing, RefusedBodiesAreABoundedSample) {
    for (int i = 0; i < 25; ++i) {
        opened->keep_refused({0, clock.system_now(), "not JSON", "inbox", std::to_string(i)});
    }
    opened->keep_refused({0, clock.system_now(), "not JSON", "inbox", std::string(100'000, 'x')});
    static_cast<void>(call.stats());
    const auto kept = call.refused();
    ASSERT_TRUE(kept.has_value());
    ASSERT_THAT(*kept, SizeIs(20));
    EXPECT_EQ(kept->front().body, "6");
    EXPECT_EQ(kept->back().body.size(), 16u << 10);
}

TEST_F(Storing, ManyThreadsAppendAndAllIsThereInOrderOfEach) {
    ASSERT_TRUE(call.attach("h").has_value());
    constexpr int kThreads = 4;
    constexpr int kEach = 50;
    std::vector<std::future<void>> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
        threads.push_back(std::async(std::launch::async, [this, thread] {
            for (int i = 0; i < kEach; ++i) {
                const std::string name = std::to_string(thread) + "-" + std::to_string(i);
                EXPECT_TRUE(append({item(name)}).has_value());
            }
        }));
    }
    for (auto& thread : threads) thread.get();
    opened.reopen();
    ASSERT_TRUE(call.attach("h").has_value());
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(kThreads * kEach));
    std::vector<int> next(kThreads);
    for (const auto& delivery : leased) {
        const int thread = delivery.resource[0] - '0';
        EXPECT_EQ(
            delivery.resource,
            std::to_string(thread) + "-" + std::to_string(next[static_cast<std::size_t>(thread)]++)
        );
    }
}

TEST_F(Storing, WhatWasAskedForBeforeTheEndIsFinishedFirst) {
    std::promise<Result<Appended>> promise;
    auto future = promise.get_future();
    opened->append({item("a")}, clock.system_now(), {nullptr, [&](Result<Appended> result) {
                                                         promise.set_value(std::move(result));
                                                     }});
    opened.close();
    EXPECT_TRUE(future.get().has_value());
    opened.reopen();
    ASSERT_TRUE(call.attach("h").has_value());
    EXPECT_THAT(call.lease("h"), SizeIs(1));
}

}  // namespace
}  // namespace graphhook::store
