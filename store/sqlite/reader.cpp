#include "store/sqlite/reader.hpp"

#include <chrono>
#include <utility>

namespace graphhook::store {

Reader::Reader(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)), thread_([this] { run(); }) {
}

Reader::~Reader() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Reader::post(Job job) {
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
}

void Reader::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return pauses_ == 0 && (stopping_ || !jobs_.empty()); });
        if (jobs_.empty()) return;
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        reading_ = true;
        lock.unlock();
        bool done = false;
        try {
            done = job(*connection_);
        } catch (const SqlError& error) {
            // Jobs answer everything else themselves.
            static_cast<void>(error);
        }
        lock.lock();
        reading_ = false;
        // Taken in turn with the others: a long list does not keep a short question waiting.
        if (!done) jobs_.push_back(std::move(job));
        if (pauses_ != 0) idle_.notify_all();
    }
}

std::uint64_t Reader::interrupted() const {
    const std::lock_guard lock(mutex_);
    return interrupted_;
}

Reader::Pause::Pause(Reader& reader) : reader_(reader) {
    std::unique_lock lock(reader_.mutex_);
    ++reader_.pauses_;
    if (reader_.reading_) ++reader_.interrupted_;
    while (reader_.reading_) {
        // Again and again: an interrupt between two statements of a step is not remembered.
        reader_.connection_->interrupt();
        reader_.idle_.wait_for(lock, std::chrono::milliseconds(1));
    }
}

Reader::Pause::~Pause() {
    {
        const std::lock_guard lock(reader_.mutex_);
        --reader_.pauses_;
    }
    reader_.wake_.notify_one();
}

}  // namespace graphhook::store
