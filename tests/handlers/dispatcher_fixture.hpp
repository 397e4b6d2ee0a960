#pragma once

#include "handlers/dispatcher.hpp"
#include "tests/handlers/fake_clock.hpp"
#include "tests/handlers/fake_opener.hpp"
#include "tests/handlers/fake_source.hpp"
#include "tests/handlers/recording_handler.hpp"

#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

namespace graphhook::handlers {

/// A dispatcher over a FakeSource, by a clock that stands still, with one handler that records.
class DispatcherFixture : public ::testing::Test {
  protected:
    using milliseconds = std::chrono::milliseconds;

    void start(
        std::size_t batch_limit = 1, std::uint32_t workers = 1, RetryOptions retry = {},
        bool wants_data = false
    ) {
        ASSERT_TRUE(dispatcher_.add(
            kName, std::make_unique<RecordingHandler>(recorder_, batch_limit, wants_data),
            [](const store::Stream&) { return true; }, retry, workers
        ));
    }
    std::int64_t add(std::uint64_t key, milliseconds age = {}) {
        return source_.add(key, stream_of(), "{}", age);
    }
    void advance(milliseconds by) {
        clock_.advance(by);
        source_.poke();
        dispatcher_.tick();
    }
    /// Moves time on, a second at a time and only while nothing is in a handler's hands, until the
    /// rows are as they should be.
    bool advance_until(const std::function<bool(const FakeSource::Rows&)>& condition) {
        for (int i = 0; i < 400; ++i) {
            bool reached = false;
            const bool quiet = source_.wait_until(kName, [&](const FakeSource::Rows& rows) {
                reached = condition(rows);
                return reached || std::none_of(rows.begin(), rows.end(), [](const auto& row) {
                           return row.second.state == store::DeliveryState::Leased;
                       });
            });
            if (reached || !quiet) return reached;
            advance(std::chrono::seconds(1));
            flush();
            flush();
        }
        return false;
    }
    /// What was posted to the store's thread before has been done after this.
    void flush() {
        (void)wait_for<std::size_t>([&](Completion<std::size_t> done) {
            source_.settle("nobody", {}, std::move(done));
        });
    }
    std::string metrics() { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

    const std::string kName = "tickets";
    FakeClock clock_;
    FakeSource source_{clock_};
    FakeOpener opener_;
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    std::shared_ptr<Recorder> recorder_ = std::make_shared<Recorder>();
    Dispatcher dispatcher_{
        source_, clock_, metrics_, {.random = [] { return 0.5; }, .opener = &opener_}
    };
};

}  // namespace graphhook::handlers
