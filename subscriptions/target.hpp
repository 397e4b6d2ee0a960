#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace graphhook::subscriptions {

/// One thing that is to be watched: a configured subscription, or one element of a template.
struct TargetKey {
    std::string name;     ///< Configured name.
    std::string element;  ///< Graph's id of the element; kCollection; empty: no template.
    auto operator<=>(const TargetKey&) const = default;
};

/// The element that stands for a template's collection itself, which is watched for who comes and
/// goes.
inline constexpr std::string_view kCollection = "*";

}  // namespace graphhook::subscriptions
