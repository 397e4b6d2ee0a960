#pragma once

#include "core/clock.hpp"
#include "store/metrics.hpp"
#include "store/store.hpp"
#include "tests/support/temp_dir.hpp"

#include <prometheus/registry.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace graphhook::test {

/// A real SQLite store in a directory of its own, for tests of the rooms above.
///
///     OpenStore opened;                       // or OpenStore opened(clock);
///     opened->append(...);
///     opened.reopen();                        // as after a restart
///
/// Change `options` and call reopen() for other limits; `reserve` is 0, so that a nearly full
/// machine does not fail tests.
class OpenStore {
  public:
    explicit OpenStore(Clock& clock = real_clock()) : clock_(clock) {
        options.url = "sqlite:" + dir.file("store.db");
        options.reserve = 0;
        reopen();
    }

    void reopen() {
        store_.reset();
        auto opened = store::open_store(options, clock_, metrics);
        if (!opened) throw std::runtime_error(to_string(opened.error()));
        store_ = std::move(opened).value();
    }
    void close() { store_.reset(); }

    store::Store& operator*() { return *store_; }
    store::Store* operator->() { return store_.get(); }

    TempDir dir;
    store::StoreOptions options;
    prometheus::Registry registry;
    store::Metrics metrics{registry};

  private:
    Clock& clock_;
    std::unique_ptr<store::Store> store_;
};

}  // namespace graphhook::test
