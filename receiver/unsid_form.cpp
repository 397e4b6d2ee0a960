#include "receiver/unsid_form.hpp"

#include "core/text.hpp"
#include "core/time_text.hpp"
#include "receiver/query.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace graphhook::receiver {
namespace {

namespace json = boost::json;
using boost::system::error_code;

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

/// Takes Boost.JSON's events; keeps the texts of the three members and the first problem.
class FormReader {
  public:
    // What basic_parser wants to know of its handler; the caller bounds the text as a whole.
    static constexpr std::size_t max_object_size = std::size_t(-1);
    static constexpr std::size_t max_array_size = std::size_t(-1);
    static constexpr std::size_t max_key_size = std::size_t(-1);
    static constexpr std::size_t max_string_size = std::size_t(-1);

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) {
        if (depth_ > 0) other_value();
        ++depth_;
        return true;
    }
    bool on_object_end(std::size_t, error_code&) { return close(); }
    bool on_array_begin(error_code&) {
        other_value();
        ++depth_;
        return true;
    }
    bool on_array_end(std::size_t, error_code&) { return close(); }
    bool on_key_part(json::string_view part, std::size_t, error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_key(json::string_view rest, std::size_t, error_code&) {
        text_.append(rest.data(), rest.size());
        if (depth_ == 1) name(text_);
        text_.clear();
        return true;
    }
    bool on_string_part(json::string_view part, std::size_t, error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_string(json::string_view rest, std::size_t, error_code&) {
        text_.append(rest.data(), rest.size());
        if (depth_ == 1 && field_) {
            values[*field_] = text_;
        } else {
            other_value();
        }
        text_.clear();
        return true;
    }
    bool on_number_part(json::string_view, error_code&) { return true; }
    bool on_int64(std::int64_t, json::string_view, error_code&) { return other_value(); }
    bool on_uint64(std::uint64_t, json::string_view, error_code&) { return other_value(); }
    bool on_double(double, json::string_view, error_code&) { return other_value(); }
    bool on_bool(bool, error_code&) { return other_value(); }
    bool on_null(error_code&) { return other_value(); }
    bool on_comment_part(json::string_view, error_code&) { return true; }
    bool on_comment(json::string_view, error_code&) { return true; }

    std::array<std::string, kFields.size()> values;
    std::optional<FormProblem> problem;
    /// A member that is not there; nullopt: all are.
    [[nodiscard]] std::optional<std::size_t> missing() const {
        const auto found = std::find(seen_.begin(), seen_.end(), false);
        if (found == seen_.end()) return std::nullopt;
        return static_cast<std::size_t>(found - seen_.begin());
    }

  private:
    void first(FormProblem found) {
        if (!problem) problem = found;
    }
    void name(std::string_view text) {
        field_.reset();
        for (std::size_t i = 0; i < kFields.size(); ++i) {
            if (!same_letters(kFields[i], text)) continue;
            if (kFields[i] != text) return first({kFields[i], kOtherCase});
            if (seen_[i]) return first({kFields[i], kTwice});
            seen_[i] = true;
            field_ = i;
            return;
        }
        first(kUnknownMember);
    }
    /// A value that is no string of a member of ours.
    bool other_value() {
        if (depth_ == 0) {
            first(kNotAnObject);
        } else if (depth_ == 1 && field_) {
            first({kFields[*field_], kNotAString});
        }
        return true;
    }
    bool close() {
        --depth_;
        return true;
    }

    std::uint32_t depth_ = 0;  ///< Objects and arrays that are open.
    std::string text_;
    std::optional<std::size_t> field_;  ///< Whose value comes next.
    std::array<bool, kFields.size()> seen_{};
};

std::optional<FormProblem> take_values(
    std::array<std::string, kFields.size()>& values, SystemTime now, UnsidForm& form
) {
    if (!is_unsid(values[kUnsid])) return kBadUnsid;
    auto platform = lowered(values[kPlatform]);
    if (std::find(kPlatforms.begin(), kPlatforms.end(), platform) == kPlatforms.end())
        return kBadPlatform;
    const auto expires_at = parse_time(values[kExpires]);
    if (!expires_at) return kNotATime;
    if (*expires_at <= now) return kPast;
    if (*expires_at > now + kMostUnsidLife) return kTooFar;
    form = UnsidForm{std::move(values[kUnsid]), std::move(platform), *expires_at};
    return std::nullopt;
}

}  // namespace

UnsidFormRead read_unsid_form(std::string_view body, SystemTime now) {
    json::basic_parser<FormReader> parser{json::parse_options()};
    error_code bad;
    const std::size_t used = parser.write_some(false, body.data(), body.size(), bad);
    UnsidFormRead read;
    FormReader& reader = parser.handler();
    if (bad || !parser.done() ||
        body.find_first_not_of(" \t\r\n", used) != std::string_view::npos) {
        read.problem = kNotJson;
    } else if (reader.problem) {
        read.problem = reader.problem;
    } else if (const auto field = reader.missing()) {
        read.problem = FormProblem{kFields[*field], kMissing};
    } else {
        read.problem = take_values(reader.values, now, read.form);
    }
    return read;
}

std::optional<std::string> unsid_of_segment(std::string_view segment) {
    // A form's '+' would be a space: neither may stand in an UNSID, so its decoder serves.
    auto unsid = decode_form(segment);
    if (!unsid || !is_unsid(*unsid)) return std::nullopt;
    return unsid;
}

bool is_unsid(std::string_view text) noexcept {
    return !text.empty() && text.size() <= kMostUnsidBytes &&
           std::all_of(text.begin(), text.end(), [](char c) {
               const char l = lower(c);
               return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                      c == ':' || c == '-';
           });
}

}  // namespace graphhook::receiver
