// Breaks the disk at every step of a workload, brings it back, and looks at what is there.

#include "tests/store/fault_trial.hpp"
#include "tests/store/fault_vfs.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace graphhook::store {
namespace {

using Fault = FaultDisk::Fault;

bool full_run() {
    return std::getenv("GRAPHHOOK_FULL") != nullptr;
}

constexpr int kRounds = 20;

class Faults : public ::testing::TestWithParam<Fault> {
  protected:
    static std::uint64_t steps_of_a_sound_run() {
        Trial trial;
        trial.work(kRounds);
        trial.close();
        EXPECT_FALSE(trial.failed);
        return trial.disk.steps();
    }
};

TEST(FaultDisk, AWorkloadOnASoundDiskLosesNothingWhenPowerIsCutAfterwards) {
    Trial trial;
    trial.work(kRounds);
    trial.close();
    EXPECT_FALSE(trial.failed);
    EXPECT_EQ(trial.failures, 0);
    trial.disk.power_cycle(1);
    trial.verify();
}

TEST_P(Faults, AtEveryStepWhatWasAcknowledgedIsThereAndNothingHalf) {
    const std::uint64_t steps = steps_of_a_sound_run();
    ASSERT_GT(steps, 100u);
    const std::uint64_t stride = full_run() ? 1 : 29;
    for (std::uint64_t step = 1 + static_cast<std::uint64_t>(GetParam()); step <= steps;
         step += stride) {
        SCOPED_TRACE("step " + std::to_string(step) + " of " + std::to_string(steps));
        Trial trial;
        trial.disk.arm(GetParam(), step);
        trial.work(kRounds);
        trial.close();
        if (GetParam() == Fault::Full) {
            EXPECT_FALSE(trial.failed) << "a full disk is not the end";
        }
        EXPECT_LE(trial.failures, 1);
        trial.disk.power_cycle(step * 7919);
        trial.verify();
        if (HasFailure()) return;
    }
}

class FailedDisk : public Faults {};

TEST_P(FailedDisk, AfterAFailureARestartAlonePromisesOnlyWhatSurvivesPowerToo) {
    const std::uint64_t steps = steps_of_a_sound_run();
    const std::uint64_t stride = full_run() ? 3 : 31;
    for (std::uint64_t step = 5; step <= steps; step += stride) {
        SCOPED_TRACE("step " + std::to_string(step) + " of " + std::to_string(steps));
        Trial trial;
        trial.disk.arm(GetParam(), step);
        trial.work(kRounds);
        trial.disk.arm(Fault::None, 0);
        if (step % 2 == 0) trial.disk.kill();
        trial.close();
        trial.disk.revive();
        trial.failed = false;
        // The process comes back on the page cache that the failure left, and promises more.
        ASSERT_TRUE(trial.open());
        ASSERT_TRUE(trial.attach());
        trial.append({"a", "b"}, 40);
        trial.lend(4, 1);
        trial.close();
        trial.disk.power_cycle(step * 104729);
        trial.verify();
        if (HasFailure()) return;
    }
}

std::string name_of(const ::testing::TestParamInfo<Fault>& info) {
    switch (info.param) {
        case Fault::PowerCut:
            return "PowerCut";
        case Fault::FsyncFails:
            return "FsyncFails";
        case Fault::ShortWrite:
            return "ShortWrite";
        case Fault::Full:
            return "Full";
        case Fault::None:
            break;
    }
    return "None";
}

INSTANTIATE_TEST_SUITE_P(
    Each, Faults,
    ::testing::Values(Fault::PowerCut, Fault::FsyncFails, Fault::ShortWrite, Fault::Full), name_of
);

INSTANTIATE_TEST_SUITE_P(
    Each, FailedDisk, ::testing::Values(Fault::FsyncFails, Fault::ShortWrite, Fault::Full), name_of
);

}  // namespace
}  // namespace graphhook::store
