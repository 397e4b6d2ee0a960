#include "handlers/user_notification/strict_json.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <cstdint>
#include <set>
#include <vector>

namespace graphhook::handlers {
namespace {

namespace json = boost::json;
using boost::system::error_code;

/// Follows the events of a JSON text and remembers the names in the objects that are open.
class Names {
  public:
    // Wanted by basic_parser; the caller bounds the text as a whole.
    static constexpr std::size_t max_object_size = std::size_t(-1);
    static constexpr std::size_t max_array_size = std::size_t(-1);
    static constexpr std::size_t max_key_size = std::size_t(-1);
    static constexpr std::size_t max_string_size = std::size_t(-1);

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) { return enter(false); }
    bool on_object_end(std::size_t, error_code&) { return leave(); }
    bool on_array_begin(error_code&) { return enter(true); }
    bool on_array_end(std::size_t, error_code&) { return leave(); }
    bool on_key_part(json::string_view part, std::size_t, error_code&) {
        key_.append(part.data(), part.size());
        return true;
    }
    bool on_key(json::string_view rest, std::size_t, error_code&) {
        key_.append(rest.data(), rest.size());
        auto& level = levels_.back();
        level.member = key_;
        if (!level.seen.insert(std::move(key_)).second && !twice) twice = where();
        key_.clear();
        return true;
    }
    bool on_string_part(json::string_view, std::size_t, error_code&) { return true; }
    bool on_string(json::string_view, std::size_t, error_code&) { return next(); }
    bool on_number_part(json::string_view, error_code&) { return true; }
    bool on_int64(std::int64_t, json::string_view, error_code&) { return next(); }
    bool on_uint64(std::uint64_t, json::string_view, error_code&) { return next(); }
    bool on_double(double, json::string_view, error_code&) { return next(); }
    bool on_bool(bool, error_code&) { return next(); }
    bool on_null(error_code&) { return next(); }
    bool on_comment_part(json::string_view, error_code&) { return true; }
    bool on_comment(json::string_view, error_code&) { return true; }

    std::optional<std::string> twice;

  private:
    struct Level {
        bool array = false;
        std::size_t index = 0;
        std::string member;
        std::set<std::string> seen;
    };

    bool enter(bool array) {
        levels_.emplace_back();
        levels_.back().array = array;
        return true;
    }
    bool leave() {
        levels_.pop_back();
        return next();
    }
    bool next() {
        if (!levels_.empty() && levels_.back().array) ++levels_.back().index;
        return true;
    }
    [[nodiscard]] std::string where() const {
        std::string path;
        for (const auto& level : levels_) {
            if (level.array) {
                path += '[' + std::to_string(level.index) + ']';
            } else {
                if (!path.empty()) path += '.';
                path += level.member;
            }
        }
        return path;
    }

    std::vector<Level> levels_;
    std::string key_;
};

}  // namespace

std::optional<std::string> member_twice(std::string_view text) {
    json::basic_parser<Names> parser{json::parse_options()};
    error_code bad;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), bad);
    if (bad || used != text.size()) return std::nullopt;
    return std::move(parser.handler().twice);
}

}  // namespace graphhook::handlers
