#include "store/identity.hpp"

#include <cstring>
#include <string>

namespace graphhook::store {
namespace {

/// Fields of a hash, each ended by a byte that JSON text in UTF-8 never holds.
void add_field(std::string& to, std::string_view field) {
    to += field;
    to += '\xff';
}

}  // namespace

std::uint64_t order_key(std::string_view name, std::string_view normalised) {
    static thread_local std::string scratch;
    scratch.clear();
    add_field(scratch, name);
    add_field(scratch, normalised);
    return first64(key128(scratch));
}

Key128 version_key(
    std::string_view name, std::string_view data_id, std::string_view etag, bool removed
) {
    static thread_local std::string scratch;
    scratch.clear();
    add_field(scratch, name);
    add_field(scratch, data_id);
    const std::uint64_t object = first64(key128(scratch));
    scratch.clear();
    add_field(scratch, removed ? "removed" : "etag");
    if (!removed) add_field(scratch, etag);
    const std::uint64_t state = first64(key128(scratch));
    Key128 key;
    std::memcpy(key.data(), &object, sizeof object);
    std::memcpy(key.data() + sizeof object, &state, sizeof state);
    return key;
}

}  // namespace graphhook::store
