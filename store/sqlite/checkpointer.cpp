#include "store/sqlite/checkpointer.hpp"

#include <utility>

namespace graphhook::store {

Checkpointer::Checkpointer(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)), thread_([this] { run(); }) {
}

Checkpointer::~Checkpointer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Checkpointer::nudge() {
    {
        const std::lock_guard lock(mutex_);
        if (asked_) return;
        asked_ = true;
    }
    wake_.notify_one();
}

bool Checkpointer::idle() const {
    const std::lock_guard lock(mutex_);
    return !asked_;
}

void Checkpointer::wait() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return !asked_; });
}

std::optional<std::string> Checkpointer::failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
}

void Checkpointer::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return stopping_ || asked_; });
        if (stopping_) return;
        lock.unlock();
        std::optional<std::string> failure;
        try {
            const auto result = connection_->checkpoint(Connection::CheckpointMode::Passive);
            if (!result.busy) written_ = result.written;
        } catch (const SqlError& error) {
            // A full disk: the WAL has it all, and the writer watches its size.
            if (!error.full()) failure = error.what();
        }
        lock.lock();
        asked_ = false;
        idle_.notify_all();
        if (failure) failure_ = std::move(failure);
    }
}

}  // namespace graphhook::store
