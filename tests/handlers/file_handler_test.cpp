#include "handlers/builtin/file_handler.hpp"

#include "tests/support/temp_dir.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace graphhook::handlers {
namespace {

namespace fs = std::filesystem;

std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

void write(const std::string& path, std::string_view text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

std::vector<Delivery> batch_of(int count) {
    std::vector<Delivery> batch(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        auto& delivery = batch[static_cast<std::size_t>(i)];
        delivery.id = std::to_string(i + 1);
        delivery.item = "{}";
    }
    return batch;
}

class FileHandlerTest : public ::testing::Test {
  protected:
    /// Counts what is called, and fails what it is told to.
    FileCalls calls() {
        auto real = real_file_calls();
        return {
            [this, real](int fd, const void* data, std::size_t size) -> ssize_t {
                ++writes_;
                if (writes_ == short_write_at_) return real.write(fd, data, size / 2);
                if (writes_ == fail_write_at_) {
                    errno = write_errno_;
                    return -1;
                }
                return real.write(fd, data, size);
            },
            [this, real](int fd) {
                ++syncs_;
                if (syncs_ == fail_sync_at_) {
                    errno = EIO;
                    return -1;
                }
                return real.sync(fd);
            }
        };
    }

    test::TempDir dir_;
    std::string path_ = dir_.file("audit.jsonl");
    int writes_ = 0, syncs_ = 0;
    int short_write_at_ = -1, fail_write_at_ = -1, fail_sync_at_ = -1;
    int write_errno_ = ENOSPC;
};

TEST_F(FileHandlerTest, WritesABatchAsLinesWithOneWriteAndOneSyncBeforeItIsDone) {
    FileHandler handler({.path = path_}, calls());
    const auto outcomes = handler.handle(batch_of(3), {});
    ASSERT_EQ(outcomes.size(), 3U);
    for (const auto& outcome : outcomes) EXPECT_EQ(outcome.kind, Outcome::Kind::Done);
    EXPECT_EQ(writes_, 1);
    EXPECT_EQ(syncs_, 1);
    std::istringstream lines(read(path_));
    int count = 0;
    for (std::string line; std::getline(lines, line);) {
        EXPECT_EQ(boost::json::parse(line).at("id").as_string(), std::to_string(++count));
    }
    EXPECT_EQ(count, 3);
}

TEST_F(FileHandlerTest, LinesHaveTheDecryptedResourceOnlyWhereItIsWanted) {
    auto batch = batch_of(2);
    batch[0].data = R"({"subject":"hello"})";
    for (const bool wanted : {false, true}) {
        FileHandler handler({.path = path_}, calls(), wanted);
        EXPECT_EQ(handler.wants_data(), wanted);
        ASSERT_EQ(handler.handle(batch, {}).at(0).kind, Outcome::Kind::Done);
        const auto text = read(path_);
        EXPECT_EQ(text.find(R"(,"data":{"subject":"hello"}})") != std::string::npos, wanted);
        EXPECT_EQ(text.find(R"(,"data":null})") != std::string::npos, wanted);
    }
}

TEST_F(FileHandlerTest, DoesNotSyncWhereToldOtherwise) {
    FileHandler handler({.path = path_, .fsync = false}, calls());
    (void)handler.handle(batch_of(1), {});
    EXPECT_EQ(syncs_, 0);
    EXPECT_FALSE(read(path_).empty());
}

TEST_F(FileHandlerTest, FileIsForItsOwnerAndItsGroupOnly) {
    FileHandler handler({.path = path_});
    (void)handler.handle(batch_of(1), {});
    struct stat found{};
    ASSERT_EQ(::stat(path_.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777 & ~0640U, 0U);
}

TEST_F(FileHandlerTest, GoesOnWhereItEndedAfterARestart) {
    for (int i = 0; i < 2; ++i) {
        FileHandler handler({.path = path_});
        (void)handler.handle(batch_of(1), {});
    }
    const auto text = read(path_);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST_F(FileHandlerTest, TornLastLineAfterACrashIsCutOff) {
    const std::string whole = R"({"id":"1","attempt":1})"
                              "\n";
    // Longer than a block of the search, too.
    for (const auto& torn :
         {std::string("{"), std::string(R"({"id":"2","att)"),
          R"({"id":"2","item":")" + std::string(200'000, 'x'), std::string(5'000, '\0')}) {
        write(path_, whole + torn);
        AppendFile file({.path = path_});
        ASSERT_TRUE(file.append("{\"id\":\"3\"}\n"));
        EXPECT_EQ(read(path_), whole + "{\"id\":\"3\"}\n");
    }
}

TEST_F(FileHandlerTest, UnfinishedLineOfSomebodyElseIsKeptAndEnded) {
    write(path_, "a line\nnot ours");
    AppendFile file({.path = path_});
    ASSERT_TRUE(file.append("{\"id\":\"3\"}\n"));
    EXPECT_EQ(read(path_), "a line\nnot ours\n{\"id\":\"3\"}\n");
}

TEST_F(FileHandlerTest, FullDiskIsTheTargetsFaultAndNothingOfTheBatchStays) {
    FileHandler handler({.path = path_}, calls());
    (void)handler.handle(batch_of(1), {});
    const auto before = read(path_);
    short_write_at_ = 2;
    fail_write_at_ = 3;
    const auto outcomes = handler.handle(batch_of(4), {});
    ASSERT_EQ(outcomes.size(), 4U);
    for (const auto& outcome : outcomes) {
        EXPECT_EQ(outcome.kind, Outcome::Kind::RetryAfter);
        EXPECT_EQ(outcome.blame, Outcome::Blame::Target);
        EXPECT_THAT(outcome.reason, ::testing::HasSubstr("No space left on device"));
    }
    EXPECT_EQ(read(path_), before);
    EXPECT_EQ(handler.handle(batch_of(1), {})[0].kind, Outcome::Kind::Done);
}

TEST_F(FileHandlerTest, ShortWriteIsContinued) {
    FileHandler handler({.path = path_}, calls());
    short_write_at_ = 1;
    EXPECT_EQ(handler.handle(batch_of(2), {})[0].kind, Outcome::Kind::Done);
    const auto text = read(path_);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST_F(FileHandlerTest, FailedFsyncIsNotDoneAndTheFileIsOpenedAnew) {
    FileHandler handler({.path = path_}, calls());
    fail_sync_at_ = 1;
    const auto outcome = handler.handle(batch_of(1), {})[0];
    EXPECT_EQ(outcome.kind, Outcome::Kind::RetryAfter);
    EXPECT_EQ(outcome.blame, Outcome::Blame::Target);
    EXPECT_THAT(outcome.reason, ::testing::HasSubstr("cannot fsync"));
    EXPECT_EQ(handler.handle(batch_of(1), {})[0].kind, Outcome::Kind::Done);
    EXPECT_EQ(syncs_, 2);
}

TEST_F(FileHandlerTest, RotatesBySizeAndKeepsSoMany) {
    AppendFile file({.path = path_, .rotate_size = 20, .rotate_keep = 2});
    for (const auto* line : {"1111111111\n", "2222222222\n", "3333333333\n", "4444444444\n"}) {
        ASSERT_TRUE(file.append(line));
    }
    EXPECT_EQ(read(path_), "4444444444\n");
    EXPECT_EQ(read(path_ + ".1"), "3333333333\n");
    EXPECT_EQ(read(path_ + ".2"), "2222222222\n");
    EXPECT_FALSE(fs::exists(path_ + ".3"));
}

TEST_F(FileHandlerTest, KeepsNoneWhereToldSo) {
    AppendFile file({.path = path_, .rotate_size = 20, .rotate_keep = 0});
    ASSERT_TRUE(file.append("1111111111\n"));
    ASSERT_TRUE(file.append("2222222222\n"));
    EXPECT_EQ(read(path_), "2222222222\n");
    EXPECT_FALSE(fs::exists(path_ + ".1"));
}

TEST_F(FileHandlerTest, GoesOnInTheOldFileWhereItCanNotRotate) {
    fs::create_directories(path_ + ".1/in-the-way");
    AppendFile file({.path = path_, .rotate_size = 20, .rotate_keep = 1});
    ASSERT_TRUE(file.append("1111111111\n"));
    ASSERT_TRUE(file.append("2222222222\n"));
    EXPECT_EQ(read(path_), "1111111111\n2222222222\n");
}

TEST_F(FileHandlerTest, FileThatWasMovedAwayIsOpenedAnew) {
    AppendFile file({.path = path_});
    ASSERT_TRUE(file.append("1\n"));
    fs::rename(path_, path_ + "-20261121");
    ASSERT_TRUE(file.append("2\n"));
    EXPECT_EQ(read(path_), "2\n");
    EXPECT_EQ(read(path_ + "-20261121"), "1\n");
}

TEST_F(FileHandlerTest, FileThatWasEmptiedGoesOnFromItsNewEnd) {
    AppendFile file({.path = path_, .rotate_size = 6});
    ASSERT_TRUE(file.append("1234\n"));
    fs::resize_file(path_, 0);
    ASSERT_TRUE(file.append("5\n"));
    EXPECT_EQ(read(path_), "5\n");
    EXPECT_FALSE(fs::exists(path_ + ".1"));
}

TEST_F(FileHandlerTest, DirectoryThatIsMissingIsTheTargetsFaultUntilItIsThere) {
    const auto path = dir_.file("later/audit.jsonl");
    FileHandler handler({.path = path});
    EXPECT_EQ(handler.handle(batch_of(1), {})[0].blame, Outcome::Blame::Target);
    fs::create_directory(dir_.file("later"));
    EXPECT_EQ(handler.handle(batch_of(1), {})[0].kind, Outcome::Kind::Done);
}

TEST_F(FileHandlerTest, DeviceIsWrittenToAndItsTroubleReported) {
    AppendFile null({.path = "/dev/null", .rotate_size = 1}, calls());
    EXPECT_TRUE(null.append("1\n"));
    EXPECT_TRUE(null.append("2\n"));
    EXPECT_EQ(syncs_, 0);
    AppendFile full({.path = "/dev/full"});
    const auto appended = full.append("1\n");
    ASSERT_TRUE(appended.has_error());
    EXPECT_EQ(appended.error().code, Errc::Full);
}

}  // namespace
}  // namespace graphhook::handlers
