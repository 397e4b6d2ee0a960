#include "store/sqlite/listing.hpp"
#include "store/sqlite/sql.hpp"
#include "tests/store/fault_vfs.hpp"
#include "tests/store/store_fixture.hpp"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

namespace graphhook::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class Housekeeping : public StoreFixture {
  protected:
    void handle_all(const std::string& handler, SettleAs as = SettleAs::Done) {
        for (auto leased = call.lease(handler); !leased.empty(); leased = call.lease(handler)) {
            std::vector<Settlement> settlements;
            for (const auto& delivery : leased) {
                settlements.push_back(settlement(delivery, as));
            }
            ASSERT_TRUE(call.settle(handler, settlements).has_value());
        }
    }
    /// Rounds go by until `wanted`.
    template <class Wanted>
    bool eventually(Wanted wanted) {
        for (int round = 0; round < 2'000; ++round) {
            if (wanted()) return true;
        }
        return false;
    }
};

TEST_F(Housekeeping, WhatIsDoneGoesAfterItsTimeAndWhatIsPendingOrDeadStays) {
    ASSERT_TRUE(call.attach("h").has_value());
    ASSERT_TRUE(append({item("dead")}).has_value());
    handle_all("h", SettleAs::Dead);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(append({item("a")}).has_value());
    handle_all("h");
    ASSERT_TRUE(append({item("pending")}).has_value());
    ASSERT_TRUE(append({item("pending2")}).has_value());
    EXPECT_EQ(call.stats().notifications, 8u);
    clock.advance(73h);
    EXPECT_TRUE(eventually([&] { return call.stats().notifications == 3; }));
    opened.reopen();
    ASSERT_TRUE(call.attach("h").has_value());
    EXPECT_EQ(call.stats().notifications, 3u);
    EXPECT_EQ(call.stats("h").dead, 1u);
    EXPECT_THAT(resources(call.lease("h")), ElementsAre("pending", "pending2"));
}

TEST_F(Housekeeping, AHandlerThatIsGoneHoldsBackWhatItHasLeft) {
    ASSERT_TRUE(call.attach("h").has_value());
    ASSERT_TRUE(call.attach("slow").has_value());
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(append({item("a")}).has_value());
    handle_all("h");
    ASSERT_TRUE(call.detach("slow").has_value());
    clock.advance(73h);
    for (int round = 0; round < 20; ++round) EXPECT_EQ(call.stats().notifications, 3u);
    ASSERT_TRUE(call.attach("slow").has_value());
    handle_all("slow");
    ASSERT_TRUE(append({item("b")}).has_value());
    clock.advance(1min);
    EXPECT_TRUE(eventually([&] { return call.stats().notifications == 1; }));
}

TEST_F(Housekeeping, AboveRetainBytesDoneOnesGoBeforeTheirTime) {
    opened.options.retain_bytes = 256u << 10;
    opened.reopen();
    ASSERT_TRUE(call.attach("h").has_value());
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(append({item("a", std::string(10'000, 'x'))}).has_value());
    }
    handle_all("h");
    EXPECT_TRUE(eventually([&] {
        clock.advance(1s);
        return call.stats().notifications < 30;
    }));
}

TEST_F(Housekeeping, TheFileGivesSpaceBackAfterAGreatBacklog) {
    opened.options.retain = 1min;
    opened.reopen();
    ASSERT_TRUE(call.attach("h").has_value());
    for (int i = 0; i < 30; ++i) {
        std::vector<Item> items;
        for (int j = 0; j < 10; ++j)
            items.push_back(item("a" + std::to_string(j), std::string(100'000, 'x')));
        ASSERT_TRUE(append(std::move(items)).has_value());
    }
    const std::string file = opened.dir.file("store.db");
    opened.reopen();
    const auto before = std::filesystem::file_size(file);
    EXPECT_GT(before, 25u << 20);
    ASSERT_TRUE(call.attach("h").has_value());
    handle_all("h");
    EXPECT_TRUE(eventually([&] {
        clock.advance(5s);
        static_cast<void>(call.stats());
        return call.stats().database_bytes < before / 2;
    }));
}

TEST_F(Housekeeping, AnInterruptedReaderLeavesNoTransactionOpen) {
    Connection connection(opened.dir.file("store.db"), OpenMode::ReadOnly, "");
    std::jthread interrupter([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) connection.interrupt();
    });
    int finished = 0;
    for (int i = 0; i < 20'000; ++i) {
        try {
            const ReadTransaction transaction(connection);
            ++finished;
        } catch (const SqlError& error) {
            ASSERT_TRUE(error.interrupted()) << error.what();
        }
        ASSERT_FALSE(connection.in_transaction());
    }
    interrupter.request_stop();
    interrupter.join();
    EXPECT_GT(finished, 0);
}

TEST_F(Housekeeping, TheWalIsBoundedBesideASlowReaderAndASteadyWriter) {
    opened.options.wal_bytes = 4u << 20;
    opened.reopen();
    ASSERT_TRUE(call.attach("h").has_value());
    std::atomic<std::uint64_t> lists = 0;
    // Lists the whole store, over and over, looking for what is not there.
    std::jthread reader([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            DeliveryQuery query;
            query.state = DeliveryState::Done;
            query.limit = 1'000'000;
            const auto listed = call.list(query);
            EXPECT_TRUE(listed.has_value()) << to_string(listed.error());
            ++lists;
        }
    });
    std::uint64_t peak = 0;
    for (int i = 0; i < 400; ++i) {
        std::vector<Item> items;
        for (int j = 0; j < 20; ++j)
            items.push_back(item(std::to_string(i * 20 + j), std::string(4'000, 'x')));
        const auto appended = append(std::move(items));
        ASSERT_TRUE(appended.has_value()) << to_string(appended.error());
        peak = std::max<std::uint64_t>(
            peak, std::filesystem::file_size(opened.dir.file("store.db-wal"))
        );
    }
    reader.request_stop();
    reader.join();
    EXPECT_LE(peak, opened.options.wal_bytes);  // 32 MB went through it
    EXPECT_GT(lists, 0u);
}

TEST_F(Housekeeping, RepliesWaitForTheWalToBeFinishedOnlyWhenMuchIsInIt) {
    opened.options.wal_bytes = 8u << 20;
    opened.reopen();
    const auto finished = [&] {
        for (const auto& family : opened.registry.Collect()) {
            if (family.name == "graphhook_store_checkpoint_stall_seconds")
                return family.metric.at(0).histogram.sample_count;
        }
        return std::uint64_t{0};
    };
    ASSERT_EQ(finished(), 0u);
    std::uint64_t size = 0;
    for (int i = 0; i < 2'000 && finished() == 0; ++i) {
        size = std::filesystem::file_size(opened.dir.file("store.db-wal"));
        ASSERT_TRUE(append({item(std::to_string(i), std::string(40'000, 'x'))}).has_value());
    }
    EXPECT_GT(finished(), 0u);
    // But for the last append or two.
    EXPECT_GT(size, opened.options.wal_bytes / 8 * 3 - (256u << 10));
}

TEST_F(Housekeeping, AReaderFromOutsideThatHoldsTheWalMeansRefusalNotAnEndlessWal) {
    opened.options.wal_bytes = 1u << 20;
    opened.reopen();
    sqlite3* outside = nullptr;
    ASSERT_EQ(sqlite3_open(opened.dir.file("store.db").c_str(), &outside), SQLITE_OK);
    ASSERT_TRUE(append({item("a")}).has_value());
    ASSERT_EQ(
        sqlite3_exec(outside, "BEGIN; SELECT count(*) FROM head", nullptr, nullptr, nullptr),
        SQLITE_OK
    );
    Result<Appended> last = Appended{};
    for (int i = 0; i < 2'000 && last; ++i) {
        last = append({item("b", std::string(8'000, 'x'))});
    }
    ASSERT_FALSE(last.has_value());
    EXPECT_EQ(last.error().code, Errc::Full);
    EXPECT_THAT(call.stats().refusing, HasSubstr("WAL"));
    EXPECT_LE(std::filesystem::file_size(opened.dir.file("store.db-wal")), 2u << 20);
    sqlite3_exec(outside, "COMMIT", nullptr, nullptr, nullptr);
    sqlite3_close(outside);
    EXPECT_TRUE(eventually([&] {
        clock.advance(1s);
        return append({item("c")}).has_value();
    }));
}

TEST_F(Housekeeping, ABackupMadeWhileServingIsAWholeStore) {
    ASSERT_TRUE(call.attach("h").has_value());
    ASSERT_TRUE(append({identified("a", "1"), item("b")}).has_value());
    const auto leased = call.lease("h", 1);
    ASSERT_THAT(leased, SizeIs(1));
    EXPECT_EQ(call.settle("h", leased[0]), 0u);
    sqlite3* outside = nullptr;
    ASSERT_EQ(sqlite3_open(opened.dir.file("store.db").c_str(), &outside), SQLITE_OK);
    const std::string copy = opened.dir.file("copy.db");
    ASSERT_EQ(
        sqlite3_exec(outside, ("VACUUM INTO '" + copy + "'").c_str(), nullptr, nullptr, nullptr),
        SQLITE_OK
    );
    sqlite3_close(outside);
    ASSERT_TRUE(append({item("after the copy")}).has_value());
    opened.close();
    // Restored as docs/store.md says.
    for (const char* file : {"store.db", "store.db-wal", "store.db-shm"}) {
        std::filesystem::remove(opened.dir.file(file));
    }
    std::filesystem::rename(copy, opened.dir.file("store.db"));
    opened.reopen();
    ASSERT_TRUE(call.attach("h").has_value());
    EXPECT_THAT(resources(call.lease("h")), ElementsAre("b"));
    EXPECT_EQ(append({identified("a", "1")})->repeated, 1u);
}

TEST(FullDisk, AppendsAreRefusedAndTakenAgainWhenThereIsRoom) {
    ManualClock clock;
    FaultDisk disk;
    test::TempDir dir;
    prometheus::Registry registry;
    Metrics metrics(registry);
    StoreOptions options;
    options.url = "sqlite:" + dir.file("store.db");
    options.vfs = disk.name();
    options.reserve = 0;
    bool failed = false;
    options.on_failed = [&](const Error&) { failed = true; };
    auto opened = open_store(options, clock, metrics);
    ASSERT_TRUE(opened.has_value());
    const auto append = [&] {
        return wait_for<Appended>([&](Completion<Appended> done) {
            (*opened)->append({item("a")}, clock.system_now(), std::move(done));
        });
    };
    ASSERT_TRUE(append().has_value());
    disk.arm(FaultDisk::Fault::Full, 0, 3);
    EXPECT_EQ(append().error().code, Errc::Full);
    EXPECT_EQ(append().error().code, Errc::Full) << "refused without trying";
    Result<Appended> again = fail(Errc::Full, "");
    for (int i = 0; i < 20 && !again; ++i) {
        clock.advance(1s);
        again = append();
    }
    EXPECT_TRUE(again.has_value());
    EXPECT_FALSE(failed);
}

TEST(FailedDisk, NothingIsAcknowledgedAfterAFailedFsyncAndTheOwnerIsToldOnce) {
    ManualClock clock;
    FaultDisk disk;
    test::TempDir dir;
    prometheus::Registry registry;
    Metrics metrics(registry);
    StoreOptions options;
    options.url = "sqlite:" + dir.file("store.db");
    options.vfs = disk.name();
    options.reserve = 0;
    std::atomic<int> told{0};
    options.on_failed = [&](const Error& error) {
        EXPECT_EQ(error.code, Errc::Failed);
        ++told;
    };
    auto opened = open_store(options, clock, metrics);
    ASSERT_TRUE(opened.has_value());
    const auto append = [&] {
        return wait_for<Appended>([&](Completion<Appended> done) {
            (*opened)->append({item("a")}, clock.system_now(), std::move(done));
        });
    };
    ASSERT_TRUE(append().has_value());
    disk.arm(FaultDisk::Fault::FsyncFails, 0, 1);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(append().error().code, Errc::Failed);
    const auto stats = wait_for<StoreStats>([&](Completion<StoreStats> done) {
        (*opened)->stats(std::move(done));
    });
    EXPECT_EQ(stats.error().code, Errc::Failed);
    EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace graphhook::store
