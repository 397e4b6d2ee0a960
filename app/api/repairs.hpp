#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "store/store.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <initializer_list>
#include <string_view>

namespace graphhook::app {

/// Which deliveries a request's body is about: "handler", and "ids" or "since"/"until" or "all".
/// Exactly one of the three has to say which. `handler_needed`: as for replays of what is done.
/// Errc::BadInput names what is wrong.
[[nodiscard]] Result<store::Selection> parse_selection(
    const boost::json::value& body, SystemTime now, bool handler_needed
);

/// Errc::BadInput names a member that is none of `known`.
[[nodiscard]] Result<void> only_known(
    const boost::json::object& object, std::initializer_list<std::string_view> known
);

/// "allow_delete" of a request's body: 0 to 1,000,000, by default 0.
[[nodiscard]] Result<std::size_t> parse_allow_delete(const boost::json::value& body);

}  // namespace graphhook::app
