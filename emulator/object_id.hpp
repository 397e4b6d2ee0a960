#pragma once

#include "emulator/kinds.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::emulator {

/// The identifier of the object with this number; notifications and data say the same one.
std::string object_id(IdStyle style, std::uint64_t number);
/// The number in such an identifier, in any case; nothing if it is not one of ours.
std::optional<std::uint64_t> object_number(IdStyle style, std::string_view id);

/// The etag that an object of a mailbox has after this change.
std::string outlook_etag(std::uint64_t change);

}  // namespace graphhook::emulator
