#pragma once

#include "core/clock.hpp"
#include "receiver/unsid_desk.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::receiver {

/// An UNSID may be handed in for so long at most.
inline constexpr auto kMostUnsidLife = std::chrono::days(366);

/// Why a form is not taken. All texts are constants, so nothing of the form is in them.
struct FormProblem {
    std::string_view field;    ///< "unsid", "platform", "expirationDateTime"; empty: the whole.
    std::string_view message;  ///< A sentence for who wrote the client app.
};

/// What a form says; `form` counts only without a problem.
struct UnsidFormRead {
    UnsidForm form;
    std::optional<FormProblem> problem;
};

/// Reads {"unsid": "…", "platform": "…", "expirationDateTime": "…"}: JSON and nothing around it,
/// these three members once each and no other, all of them strings; `platform` in any case of
/// letters; the time by RFC 3339 with its zone, after `now` and at most kMostUnsidLife later. A
/// text that is no JSON is called that; otherwise the first problem counts. Names of members are
/// compared with their case. Pure; threads: any.
[[nodiscard]] UnsidFormRead read_unsid_form(std::string_view body, SystemTime now);

/// The UNSID that a path ends with, percent-decoded; nullopt if it is none.
[[nodiscard]] std::optional<std::string> unsid_of_segment(std::string_view segment);

}  // namespace graphhook::receiver
