#include "store/sqlite/streams.hpp"

#include <functional>
#include <utility>

namespace graphhook::store {
namespace {

/// Pointers come and go with each picture of the subscriptions.
constexpr std::size_t kMostPointers = 4096;

}  // namespace

std::size_t Streams::Hash::operator()(const StreamPtr& stream) const noexcept {
    const std::hash<std::string> hash;
    std::size_t sum =
        static_cast<std::size_t>(stream->lane) * 4 + static_cast<std::size_t>(stream->source);
    for (const std::string* text :
         {&stream->tenant, &stream->subscription, &stream->kind, &stream->change}) {
        sum = sum * 31 + hash(*text);
    }
    return sum;
}

Stream read_stream(const Query& query) {
    Stream stream;
    stream.lane = query.integer(1) == 0 ? Lane::Change : Lane::Lifecycle;
    stream.tenant = query.text(2);
    stream.subscription = query.text(3);
    stream.kind = query.text(4);
    stream.change = query.text(5);
    const auto source = query.integer(6);
    if (source == static_cast<std::int64_t>(Source::Sweep)) stream.source = Source::Sweep;
    if (source == static_cast<std::int64_t>(Source::Poll)) stream.source = Source::Poll;
    return stream;
}

Streams::Streams(Connection& connection, Writes& writes)
    : writes_(writes), insert_(connection, "INSERT INTO stream VALUES(?, ?, ?, ?, ?, ?, ?)") {
    Statement all(connection, kReadStreams);
    streams_.push_back(std::make_shared<const Stream>());
    Query query(all);
    while (query.step()) {
        Stream stream = read_stream(query);
        const auto number = static_cast<std::size_t>(query.integer(0));
        while (streams_.size() < number) streams_.push_back(streams_.front());
        streams_.push_back(std::make_shared<const Stream>(std::move(stream)));
        by_content_.emplace(streams_.back(), static_cast<std::uint32_t>(number));
    }
}

Streams::Interned Streams::intern(const StreamPtr& stream) {
    if (const auto known = by_pointer_.find(stream.get()); known != by_pointer_.end()) {
        return {known->second.second, false};
    }
    bool fresh = false;
    auto found = by_content_.find(stream);
    if (found == by_content_.end()) {
        const auto number = end();
        writes_.add(
            insert_, {std::int64_t{number}, static_cast<std::int64_t>(stream->lane), stream->tenant,
                      stream->subscription, stream->kind, stream->change,
                      static_cast<std::int64_t>(stream->source)}
        );
        streams_.push_back(stream);
        found = by_content_.emplace(stream, number).first;
        fresh = true;
    }
    if (by_pointer_.size() >= kMostPointers) by_pointer_.clear();
    by_pointer_.emplace(stream.get(), std::pair(stream, found->second));
    return {found->second, fresh};
}

}  // namespace graphhook::store
