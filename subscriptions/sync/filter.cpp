#include "subscriptions/sync/filter.hpp"

#include "core/log.hpp"
#include "core/text.hpp"
#include "core/time_text.hpp"

#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <utility>
#include <variant>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostBytes = 4'096;
constexpr int kDeepest = 32;

enum class Op : std::uint8_t { Eq, Ne, Gt, Ge, Lt, Le };
constexpr std::array<std::pair<std::string_view, Op>, 6> kOps{
    {{"eq", Op::Eq}, {"ne", Op::Ne}, {"gt", Op::Gt}, {"ge", Op::Ge}, {"lt", Op::Lt}, {"le", Op::Le}}
};

using Literal = std::variant<std::nullptr_t, bool, double, SystemTime, std::string>;

bool holds(Op op, int order) {
    switch (op) {
        case Op::Eq:
            return order == 0;
        case Op::Ne:
            return order != 0;
        case Op::Gt:
            return order > 0;
        case Op::Ge:
            return order >= 0;
        case Op::Lt:
            return order < 0;
        case Op::Le:
            return order <= 0;
    }
    return false;
}

template <class T>
int order_of(const T& a, const T& b) {
    return a < b ? -1 : (b < a ? 1 : 0);
}

}  // namespace

struct Filter::Node {
    enum class Kind : std::uint8_t { Compare, And, Or, Not };
    Kind kind = Kind::Compare;
    std::vector<std::string> path;
    Op op = Op::Eq;
    Literal literal;
    std::unique_ptr<Node> left, right;

    /// `lenient`: what in doubt is said; the other way round below a `not`.
    [[nodiscard]] bool holds_for(const json::object& object, bool lenient) const {
        switch (kind) {
            case Kind::And:
                return left->holds_for(object, lenient) && right->holds_for(object, lenient);
            case Kind::Or:
                return left->holds_for(object, lenient) || right->holds_for(object, lenient);
            case Kind::Not:
                return !left->holds_for(object, !lenient);
            case Kind::Compare:
                break;
        }
        const json::object* level = &object;
        const json::value* value = nullptr;
        for (std::size_t i = 0; i < path.size(); ++i) {
            value = level->if_contains(path[i]);
            if (value == nullptr) return lenient;
            if (i + 1 == path.size()) break;
            if (value->is_null()) break;
            if (!value->is_object()) return lenient;
            level = &value->get_object();
        }
        return value == nullptr ? lenient : compare(*value, lenient);
    }

  private:
    [[nodiscard]] bool compare(const json::value& value, bool lenient) const {
        const bool null_literal = std::holds_alternative<std::nullptr_t>(literal);
        if (value.is_null() || null_literal) {
            const bool same = value.is_null() && null_literal;
            if (op == Op::Eq) return same;
            if (op == Op::Ne) return !same;
            return false;
        }
        if (const auto* flag = std::get_if<bool>(&literal)) {
            if (!value.is_bool()) return lenient;
            return holds(op, order_of(value.get_bool(), *flag));
        }
        if (const auto* number = std::get_if<double>(&literal)) {
            if (!value.is_number()) return lenient;
            return holds(op, order_of(value.to_number<double>(), *number));
        }
        if (!value.is_string()) return lenient;
        const std::string_view text = value.get_string();
        if (const auto* time = std::get_if<SystemTime>(&literal)) {
            const auto there = parse_time(text);
            return there ? holds(op, order_of(*there, *time)) : lenient;
        }
        const auto& wanted = std::get<std::string>(literal);
        const bool exact = text == wanted;
        const bool alike = same_letters(text, wanted);
        if (op == Op::Eq) return lenient ? alike : exact;
        if (op == Op::Ne) return lenient ? !exact : !alike;
        if (alike && !exact) return lenient;
        return holds(op, order_of(lowered(text), lowered(wanted)));
    }
};

namespace {

using Node = Filter::Node;

class Parser {
  public:
    explicit Parser(std::string_view text) : rest_(text) {}

    Result<std::unique_ptr<Node>> run() {
        auto node = any();
        skip();
        if (!node) return node;
        if (!rest_.empty()) return bad(rest_);
        return node;
    }
    std::vector<std::string> properties;

  private:
    static Error bad(std::string_view what) {
        return fail(
            Errc::BadInput,
            "`" + for_log(what, 60) +
                "` cannot be looked at after fetching: only eq, ne, gt, ge, lt, le of a property, "
                "and, or, not"
        );
    }
    void skip() {
        while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t'))
            rest_.remove_prefix(1);
    }
    static bool in_word(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '/' || c == '.' || c == ':' || c == '-' || c == '+';
    }
    std::string_view peek() {
        skip();
        std::size_t size = 0;
        while (size < rest_.size() && in_word(rest_[size])) ++size;
        return rest_.substr(0, size);
    }
    bool take(std::string_view word) {
        if (!same_letters(peek(), word)) return false;
        rest_.remove_prefix(word.size());
        return true;
    }
    bool take_sign(char sign) {
        skip();
        if (!rest_.starts_with(sign)) return false;
        rest_.remove_prefix(1);
        return true;
    }

    Result<std::unique_ptr<Node>> joined(Node::Kind kind, std::string_view word) {
        auto left = kind == Node::Kind::Or ? all() : one();
        while (left && take(word)) {
            auto right = kind == Node::Kind::Or ? all() : one();
            if (!right) return right;
            auto node = std::make_unique<Node>();
            node->kind = kind;
            node->left = std::move(*left);
            node->right = std::move(*right);
            left = std::move(node);
        }
        return left;
    }
    Result<std::unique_ptr<Node>> any() {
        if (++depth_ > kDeepest) return bad("so many parentheses");
        auto node = joined(Node::Kind::Or, "or");
        --depth_;
        return node;
    }
    Result<std::unique_ptr<Node>> all() { return joined(Node::Kind::And, "and"); }

    Result<std::unique_ptr<Node>> one() {
        if (take("not")) {
            if (++depth_ > kDeepest) return bad("so many nots");
            auto inner = one();
            --depth_;
            if (!inner) return inner;
            auto node = std::make_unique<Node>();
            node->kind = Node::Kind::Not;
            node->left = std::move(*inner);
            return node;
        }
        if (take_sign('(')) {
            auto inner = any();
            if (!inner) return inner;
            if (!take_sign(')')) return bad(rest_.empty() ? "a missing )" : rest_);
            return inner;
        }
        return comparison();
    }

    Result<std::unique_ptr<Node>> comparison() {
        const std::string_view from = rest_;
        const std::string_view path = peek();
        if (path.empty() || path.find_first_of(":+-.") != std::string_view::npos ||
            path.front() == '/' || path.back() == '/')
            return bad(from);
        rest_.remove_prefix(path.size());
        auto node = std::make_unique<Node>();
        for (std::size_t begin = 0; begin <= path.size();) {
            const auto end = std::min(path.find('/', begin), path.size());
            if (end == begin) return bad(from);
            node->path.emplace_back(path.substr(begin, end - begin));
            begin = end + 1;
        }
        const auto* op =
            std::ranges::find_if(kOps, [&](const auto& known) { return take(known.first); });
        if (op == kOps.end()) return bad(from);
        node->op = op->second;
        auto literal = this->literal();
        if (!literal) return literal.error();
        node->literal = std::move(*literal);
        if (std::ranges::find(properties, node->path.front()) == properties.end())
            properties.push_back(node->path.front());
        return node;
    }

    Result<Literal> literal() {
        skip();
        if (rest_.starts_with('\'')) return quoted();
        const std::string_view word = peek();
        const std::string_view from = rest_;
        rest_.remove_prefix(word.size());
        // A function, a list, a property on the right.
        if (word.empty() || rest_.starts_with('(')) return bad(from);
        if (word == "null") return Literal(nullptr);
        if (same_letters(word, "true")) return Literal(true);
        if (same_letters(word, "false")) return Literal(false);
        if (word.size() >= 20 && word.find('T') != std::string_view::npos) {
            const auto time = parse_time(word);
            if (!time) return bad(word);
            return Literal(*time);
        }
        double number = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
        if (error != std::errc{} || end != word.data() + word.size()) return bad(word);
        return Literal(number);
    }

    Result<Literal> quoted() {
        std::string text;
        for (std::size_t i = 1; i < rest_.size(); ++i) {
            if (rest_[i] != '\'') {
                text += rest_[i];
            } else if (i + 1 < rest_.size() && rest_[i + 1] == '\'') {
                text += '\'';
                ++i;
            } else {
                rest_.remove_prefix(i + 1);
                return Literal(std::move(text));
            }
        }
        return bad("a text without its end");
    }

    std::string_view rest_;
    int depth_ = 0;
};

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char low = lower(c);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            const int high = hex_digit(text[i + 1]);
            const int low = hex_digit(text[i + 2]);
            if (high >= 0 && low >= 0) {
                out += static_cast<char>(high * 16 + low);
                i += 2;
                continue;
            }
        }
        out += text[i];
    }
    return out;
}

}  // namespace

Result<Filter> Filter::parse(std::string_view text) {
    if (text.size() > kMostBytes) return fail(Errc::BadInput, "a filter longer than 4096 bytes");
    Parser parser(text);
    auto root = parser.run();
    if (!root) return root.error();
    Filter filter;
    filter.root_ = std::shared_ptr<const Node>(std::move(*root));
    filter.properties_ = std::move(parser.properties);
    return filter;
}

bool Filter::passes(const json::object& object) const {
    return root_ == nullptr || root_->holds_for(object, true);
}

std::string query_option(std::string_view resource, std::string_view name) {
    bool quoted = false;
    std::size_t at = 0;
    while (at < resource.size() && (quoted || resource[at] != '?')) {
        if (resource[at] == '\'') quoted = !quoted;
        ++at;
    }
    std::string_view query = resource.substr(std::min(at + 1, resource.size()));
    quoted = false;
    while (!query.empty()) {
        std::size_t end = 0;
        for (; end < query.size() && (quoted || query[end] != '&'); ++end) {
            if (query[end] == '\'') quoted = !quoted;
        }
        const std::string_view option = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const auto equals = std::min(option.find('='), option.size());
        if (same_letters(decoded(option.substr(0, equals)), name))
            return decoded(option.substr(std::min(equals + 1, option.size())));
    }
    return {};
}

}  // namespace graphhook::subscriptions
