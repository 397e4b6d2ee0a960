#include "core/strict_json.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <cstdint>
#include <unordered_set>

namespace graphhook {
namespace {

namespace json = boost::json;
using boost::system::error_code;

/// Follows a JSON text and keeps the names of the objects that are open.
class NameWatch {
  public:
    // What basic_parser wants to know of its handler; the caller bounds the text as a whole.
    static constexpr std::size_t max_object_size = std::size_t(-1);
    static constexpr std::size_t max_array_size = std::size_t(-1);
    static constexpr std::size_t max_key_size = std::size_t(-1);
    static constexpr std::size_t max_string_size = std::size_t(-1);

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) { return open(true); }
    bool on_object_end(std::size_t, error_code&) { return close(); }
    bool on_array_begin(error_code&) { return open(false); }
    bool on_array_end(std::size_t, error_code&) { return close(); }
    bool on_key_part(json::string_view part, std::size_t, error_code&) {
        name_.append(part.data(), part.size());
        return true;
    }
    bool on_key(json::string_view rest, std::size_t, error_code&) {
        name_.append(rest.data(), rest.size());
        Open& object = open_.back();
        object.at = name_;
        if (!object.names.insert(std::move(name_)).second && found.size() < kMostTwice)
            found.push_back({path(), object.at});
        name_.clear();
        return true;
    }
    bool on_string_part(json::string_view, std::size_t, error_code&) { return true; }
    bool on_string(json::string_view, std::size_t, error_code&) { return value(); }
    bool on_number_part(json::string_view, error_code&) { return true; }
    bool on_int64(std::int64_t, json::string_view, error_code&) { return value(); }
    bool on_uint64(std::uint64_t, json::string_view, error_code&) { return value(); }
    bool on_double(double, json::string_view, error_code&) { return value(); }
    bool on_bool(bool, error_code&) { return value(); }
    bool on_null(error_code&) { return value(); }
    bool on_comment_part(json::string_view, error_code&) { return true; }
    bool on_comment(json::string_view, error_code&) { return true; }

    std::vector<MemberTwice> found;

  private:
    struct Open {
        bool object = false;
        std::unordered_set<std::string> names;
        std::string at;         ///< Of an object: the member that is being read.
        std::size_t index = 0;  ///< Of an array: the element.
    };
    bool open(bool object) {
        open_.push_back({.object = object, .names = {}, .at = {}, .index = 0});
        return true;
    }
    bool close() {
        open_.pop_back();
        return value();
    }
    bool value() {
        if (!open_.empty() && !open_.back().object) ++open_.back().index;
        return true;
    }
    /// Of the innermost object.
    [[nodiscard]] std::string path() const {
        std::string text;
        for (std::size_t i = 0; i + 1 < open_.size(); ++i) {
            text += '/';
            text += open_[i].object ? open_[i].at : std::to_string(open_[i].index);
        }
        return text;
    }

    std::vector<Open> open_;
    std::string name_;
};

}  // namespace

std::optional<std::vector<MemberTwice>> members_twice(std::string_view text) {
    json::basic_parser<NameWatch> parser{json::parse_options()};
    error_code bad;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), bad);
    if (bad || used != text.size()) return std::nullopt;
    return std::move(parser.handler().found);
}

}  // namespace graphhook
