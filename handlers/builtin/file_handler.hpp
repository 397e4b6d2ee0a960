#pragma once

#include "handlers/builtin/append_file.hpp"
#include "handlers/handler.hpp"

#include <mutex>

namespace graphhook::handlers {

/// JSON Lines: each delivery is one line (see envelope.hpp), each batch one write and, unless told
/// otherwise, one fdatasync before any of it is done. A disk that is full or broken is the target's
/// fault: nothing is used up, the circuit opens, and all goes on when there is room again.
class FileHandler final : public Handler {
  public:
    /// `resource_data`: each line has the decrypted resource too.
    explicit FileHandler(
        FileOptions options, FileCalls calls = real_file_calls(), bool resource_data = false
    )
        : resource_data_(resource_data), file_(std::move(options), std::move(calls)) {}
    [[nodiscard]] std::size_t batch_limit() const override { return 1'024; }
    [[nodiscard]] bool wants_data() const override { return resource_data_; }
    [[nodiscard]] std::vector<Outcome> handle(std::span<const Delivery> batch, std::stop_token stop)
        override;

  private:
    const bool resource_data_;
    std::mutex mutex_;
    AppendFile file_;  // guarded by mutex_
};

}  // namespace graphhook::handlers
