#include "receiver/unsid_form.hpp"

#include "core/strict_json.hpp"
#include "core/text.hpp"
#include "core/time_text.hpp"
#include "receiver/query.hpp"
#include "store/unsid.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace graphhook::receiver {
namespace {

namespace json = boost::json;

/// The members in the order in which a missing one is told of.
constexpr std::array<std::string_view, 3> kFields = {"unsid", "platform", "expirationDateTime"};
constexpr std::size_t kUnsid = 0, kPlatform = 1, kExpires = 2;

constexpr std::array<std::string_view, 4> kPlatforms = {"windows", "ios", "android", "webpush"};

constexpr FormProblem kNotJson = {"", "The body is not JSON."};
constexpr FormProblem kNotAnObject = {"", "The body is not a JSON object."};
/// An unknown name is a stranger's text, so it is not repeated.
constexpr FormProblem kUnknownMember = {
    "", "The body has a member other than unsid, platform and expirationDateTime."
};
constexpr std::string_view kTwice = "The member is there twice.";
constexpr std::string_view kOtherCase = "The name of this member is written in another case.";
constexpr std::string_view kNotAString = "The value is not a string.";
constexpr std::string_view kMissing = "The member is missing.";
constexpr FormProblem kBadUnsid = {
    kFields[kUnsid], "The value is not 1 to 128 characters of A-Z, a-z, 0-9, '.', '_', ':' and '-'."
};
constexpr FormProblem kBadPlatform = {
    kFields[kPlatform], "The value is not one of windows, ios, android and webpush."
};
constexpr FormProblem kNotATime = {
    kFields[kExpires], "The value is not a time as RFC 3339 has it, with a zone."
};
constexpr FormProblem kPast = {kFields[kExpires], "The time is not in the future."};
constexpr FormProblem kTooFar = {kFields[kExpires], "The time is more than 366 days ahead."};

using Values = std::array<const json::value*, kFields.size()>;

/// The member that this name means, in any case.
std::optional<std::size_t> field_named(std::string_view name) {
    for (std::size_t i = 0; i < kFields.size(); ++i)
        if (same_letters(kFields[i], name)) return i;
    return std::nullopt;
}

/// The first thing wrong with which members there are.
std::optional<FormProblem> take_members(const json::object& form, Values& values) {
    for (const auto& [name, value] : form) {
        const auto field = field_named(name);
        if (!field) return kUnknownMember;
        if (kFields[*field] != name) return FormProblem{kFields[*field], kOtherCase};
        if (!value.is_string()) return FormProblem{kFields[*field], kNotAString};
        values[*field] = &value;
    }
    const auto missing = std::find(values.begin(), values.end(), nullptr);
    if (missing == values.end()) return std::nullopt;
    return FormProblem{kFields[static_cast<std::size_t>(missing - values.begin())], kMissing};
}

std::optional<FormProblem> take_values(const Values& values, SystemTime now, UnsidForm& form) {
    const auto text = [&](std::size_t field) {
        return std::string_view(values[field]->get_string());
    };
    if (!store::is_unsid(text(kUnsid))) return kBadUnsid;
    auto platform = lowered(text(kPlatform));
    if (std::find(kPlatforms.begin(), kPlatforms.end(), platform) == kPlatforms.end())
        return kBadPlatform;
    const auto expires_at = parse_time(text(kExpires));
    if (!expires_at) return kNotATime;
    if (*expires_at <= now) return kPast;
    if (*expires_at > now + kMostUnsidLife) return kTooFar;
    form = UnsidForm{std::string(text(kUnsid)), std::move(platform), *expires_at};
    return std::nullopt;
}

std::optional<FormProblem> take(std::string_view body, SystemTime now, UnsidForm& form) {
    boost::system::error_code bad;
    const auto document = json::parse(body, bad);
    const auto twice = members_twice(body);
    if (bad || !twice) return kNotJson;
    const auto* members = document.if_object();
    if (members == nullptr) return kNotAnObject;
    Values values{};
    auto problem = take_members(*members, values);
    for (const auto& [object, name] : *twice) {
        const auto field = object.empty() ? field_named(name) : std::nullopt;
        if (field) return FormProblem{kFields[*field], kTwice};
    }
    if (!problem) problem = take_values(values, now, form);
    return problem;
}

}  // namespace

UnsidFormRead read_unsid_form(std::string_view body, SystemTime now) {
    UnsidFormRead read;
    read.problem = take(body, now, read.form);
    return read;
}

std::optional<std::string> unsid_of_segment(std::string_view segment) {
    // A form's '+' would be a space: neither may stand in an UNSID, so its decoder serves.
    auto unsid = decode_form(segment);
    if (!unsid || !store::is_unsid(*unsid)) return std::nullopt;
    return unsid;
}

}  // namespace graphhook::receiver
