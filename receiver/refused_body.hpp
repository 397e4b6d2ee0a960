#pragma once

#include "core/digest.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::receiver {

/// Of a body that had to be refused this much is kept.
inline constexpr std::size_t kRefusedSampleBytes = 16u << 10;

/// What the first item of a body seems to say of itself, found without parsing: the body may be
/// broken, cut off, or no JSON at all.
struct FirstItem {
    std::string subscription_id;       ///< Empty: none found.
    std::optional<Sha256> state_hash;  ///< Of the first client state that is there as a whole.
};
[[nodiscard]] FirstItem find_first_item(std::string_view body);

/// The beginning of a refused body, fit to be kept: every client state's text is "***", also one
/// that the cut or the fault left without an end, and so is everything in `validationTokens`.
[[nodiscard]] std::string masked_sample(std::string_view body);

}  // namespace graphhook::receiver
