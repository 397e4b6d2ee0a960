#include "subscriptions/plan/parking.hpp"

#include "core/digest.hpp"
#include "core/text.hpp"
#include "subscriptions/plan/renewal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// Declined so many times in a row, and never anything else, it is the template.
constexpr std::uint32_t kSurelyShared = 20;
constexpr std::uint32_t kPerhapsShared = 3;

struct Code {
    std::string_view code;  ///< In lower case.
    ParkReason reason;
};
constexpr auto kOwnCodes = std::to_array<Code>({
    {"mailboxnotenabledforrestapi", ParkReason::NoMailbox},
    {"mailboxnotsupportedforrestapi", ParkReason::NoMailbox},
    {"errornonexistentmailbox", ParkReason::NoMailbox},
    {"errorinvaliduser", ParkReason::NoMailbox},
    {"errormailboxmoveinprogress", ParkReason::NoMailbox},
    {"errorlicensenotassigned", ParkReason::NoLicence},
    {"quotalimitreached", ParkReason::Quota},
    {"errorquotaexceeded", ParkReason::Quota},
    {"errormailboxquotaexceeded", ParkReason::Quota},
    {"resourcenotfound", ParkReason::NotFound},
    {"request_resourcenotfound", ParkReason::NotFound},
    {"itemnotfound", ParkReason::NotFound},
    {"erroritemnotfound", ParkReason::NotFound},
});

bool says(std::string_view message, std::initializer_list<std::string_view> any) {
    return std::ranges::any_of(any, [message](std::string_view words) {
        return message.find(words) != std::string_view::npos;
    });
}

/// Why this is about the one element, if it is so by its nature.
std::optional<ParkReason> own_reason(const GraphError& error) {
    const std::string code = lowered(error.code);
    const auto* const known = std::ranges::find(kOwnCodes, code, &Code::code);
    if (known != kOwnCodes.end()) return known->reason;
    if (error.next != Next::NotFound && error.next != Next::Refused) return std::nullopt;
    const std::string message = lowered(error.message);
    if (says(message, {"mailbox is either inactive", "no mailbox", "not have a mailbox"}))
        return ParkReason::NoMailbox;
    if (error.next == Next::NotFound) return ParkReason::NotFound;
    if (error.status == 402) return ParkReason::NoLicence;
    if (error.status != 403 && error.status != 400) return std::nullopt;
    // "Tenant does not have a … license" is about all of them.
    if (says(message, {"tenant does not have"})) return std::nullopt;
    if (says(message, {"license", "licence"})) return ParkReason::NoLicence;
    if (error.status == 403 && says(message, {"quota", "limit"})) return ParkReason::Quota;
    return std::nullopt;
}

/// The same for whoever is asked about.
bool is_shared(const GraphError& error) {
    return same_letters(error.code, "Authorization_RequestDenied") ||
           same_letters(error.code, "Authorization_IdentityNotFound");
}

ParkVerdict park(ParkReason reason, const GraphError& error, std::string_view element) {
    return {
        ParkVerdict::Do::Park, reason, park_for(element),
        fmt::format("parked, {}: {}", to_string(reason), to_string(error))
    };
}

ParkVerdict hold(const GraphError& error, const TemplateSoFar& so_far, std::string_view name) {
    return {
        ParkVerdict::Do::Hold, ParkReason::Refused, retry_after_refusal(so_far.probes + 1, name),
        fmt::format("declined for every element of the template: {}", to_string(error))
    };
}

}  // namespace

std::string_view to_string(ParkReason reason) noexcept {
    switch (reason) {
        case ParkReason::NoMailbox:
            return "no mailbox";
        case ParkReason::NoLicence:
            return "no licence";
        case ParkReason::Quota:
            return "quota";
        case ParkReason::NotFound:
            return "not found";
        case ParkReason::Refused:
            return "refused";
    }
    return "refused";
}

ParkVerdict judge_create(
    const GraphError& error, const TemplateSoFar& so_far, std::string_view name,
    std::string_view element
) {
    const bool others_work = so_far.successes > 0;
    const bool declined = error.next == Next::Refused || error.next == Next::NotFound;
    if (declined) {
        // A life that was too long is asked for anew, shorter.
        if (error.longest_life) return {.text = to_string(error)};
        if (is_shared(error)) return hold(error, so_far, name);
        const auto own = own_reason(error);
        const bool held = so_far.probes > 0;
        const std::uint32_t enough = own ? kSurelyShared : held ? 1 : kPerhapsShared;
        if (!others_work && so_far.refusals >= enough) return hold(error, so_far, name);
        if (own) return park(*own, error, element);
        if (others_work) return park(ParkReason::Refused, error, element);
    }
    return {.text = to_string(error)};
}

milliseconds park_for(std::string_view element) {
    const auto part = static_cast<std::int64_t>(first64(sha256(element)) % 2'001) - 1'000;
    return milliseconds(24h) + milliseconds(24h) * part / 10'000;
}

}  // namespace graphhook::subscriptions
