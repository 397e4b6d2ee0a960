#include "emulator/data/filter.hpp"

#include "core/time_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

namespace graphhook::emulator {

namespace json = boost::json;

struct Filter::Node {
    enum class Is { And, Or, Not, Compare, StartsWith, In };
    Is is = Is::Compare;
    std::string property;
    std::string op;
    std::vector<json::value> literals;
    std::vector<std::unique_ptr<Node>> parts;
};

namespace {

/// Deeper ones are nobody's filters.
constexpr int kDeepest = 32;

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '/' || c == '.' ||
           c == '-' || c == ':' || c == '@' || c == '+';
}

/// Less than, equal, greater; nothing for what cannot be compared.
std::optional<int> compare(const json::value& have, const json::value& want) {
    if (have.is_bool() && want.is_bool())
        return static_cast<int>(have.as_bool()) - static_cast<int>(want.as_bool());
    if (have.is_number() && want.is_number()) {
        const auto a = have.to_number<double>();
        const auto b = want.to_number<double>();
        return a < b ? -1 : (a > b ? 1 : 0);
    }
    if (have.is_null() || want.is_null()) {
        if (have.is_null() && want.is_null()) return 0;
        return std::nullopt;
    }
    if (!have.is_string() || !want.is_string()) return std::nullopt;
    const std::string_view a(have.as_string());
    const std::string_view b(want.as_string());
    const auto first = parse_time(a);
    const auto second = parse_time(b);
    if (first && second) return *first < *second ? -1 : (*first > *second ? 1 : 0);
    const auto result = lower_case(a).compare(lower_case(b));
    return result < 0 ? -1 : (result > 0 ? 1 : 0);
}

}  // namespace

const json::value* property_at(const json::object& object, std::string_view path) {
    const json::object* in = &object;
    while (true) {
        const auto slash = path.find('/');
        const auto* value = in->if_contains(path.substr(0, slash));
        if (slash == std::string_view::npos || value == nullptr) return value;
        if (!value->is_object()) return nullptr;
        in = &value->as_object();
        path.remove_prefix(slash + 1);
    }
}

struct Filter::Parser {
    std::string_view text;
    const json::object& sample;
    std::vector<std::string>& comparisons;
    std::string trouble;
    int depth = 0;

    void skip() {
        while (text.starts_with(' ')) text.remove_prefix(1);
    }
    bool take(char c) {
        skip();
        if (!text.starts_with(c)) return false;
        text.remove_prefix(1);
        return true;
    }
    std::string_view peek_word() {
        skip();
        std::size_t end = 0;
        while (end < text.size() && is_word(text[end])) ++end;
        return text.substr(0, end);
    }
    std::string_view word() {
        const auto found = peek_word();
        text.remove_prefix(found.size());
        return found;
    }
    bool take_word(std::string_view wanted) {
        if (lower_case(peek_word()) != wanted) return false;
        text.remove_prefix(wanted.size());
        return true;
    }
    std::unique_ptr<Node> fail(std::string why) {
        if (trouble.empty()) trouble = std::move(why);
        return nullptr;
    }

    std::optional<json::value> literal() {
        skip();
        if (text.starts_with('\'')) {
            std::string value;
            text.remove_prefix(1);
            while (!text.empty()) {
                const char c = text.front();
                text.remove_prefix(1);
                if (c != '\'') {
                    value += c;
                } else if (text.starts_with('\'')) {
                    value += '\'';
                    text.remove_prefix(1);
                } else {
                    return json::value(value);
                }
            }
            return std::nullopt;
        }
        const auto bare = word();
        if (bare.empty()) return std::nullopt;
        if (bare == "true" || bare == "false") return json::value(bare == "true");
        if (bare == "null") return json::value(nullptr);
        if (std::all_of(
                bare.begin(), bare.end(), [](unsigned char c) { return std::isdigit(c) != 0; }
            ) &&
            bare.size() < 18) {
            return json::value(std::stoll(std::string(bare)));
        }
        // A time, or an id without quotes.
        return json::value(bare);
    }

    bool known(std::string_view property) {
        if (property_at(sample, property) != nullptr) return true;
        (void)fail(fmt::format("Could not find a property named '{}'.", property));
        return false;
    }

    std::unique_ptr<Node> alternatives() {
        if (++depth > kDeepest) return fail("The filter is too deep.");
        auto left = conjunction();
        while (left && take_word("or")) {
            auto right = conjunction();
            if (!right) return nullptr;
            left = joined(Node::Is::Or, std::move(left), std::move(right));
        }
        --depth;
        return left;
    }
    std::unique_ptr<Node> conjunction() {
        auto left = unary();
        while (left && take_word("and")) {
            auto right = unary();
            if (!right) return nullptr;
            left = joined(Node::Is::And, std::move(left), std::move(right));
        }
        return left;
    }
    static std::unique_ptr<Node> joined(
        Node::Is is, std::unique_ptr<Node> left, std::unique_ptr<Node> right
    ) {
        if (left->is == is) {
            left->parts.push_back(std::move(right));
            return left;
        }
        auto node = std::make_unique<Node>();
        node->is = is;
        node->parts.push_back(std::move(left));
        node->parts.push_back(std::move(right));
        return node;
    }
    std::unique_ptr<Node> unary() {
        if (take_word("not")) {
            auto inner = take('(') ? grouped() : unary();
            if (!inner) return nullptr;
            auto node = std::make_unique<Node>();
            node->is = Node::Is::Not;
            node->parts.push_back(std::move(inner));
            return node;
        }
        if (take('(')) return grouped();
        return comparison();
    }
    std::unique_ptr<Node> grouped() {
        auto inner = alternatives();
        if (inner && !take(')')) return fail("A parenthesis is not closed.");
        return inner;
    }
    std::unique_ptr<Node> comparison() {
        auto node = std::make_unique<Node>();
        const std::string first(word());
        if (lower_case(first) == "startswith") {
            if (!take('(')) return fail("startswith needs its arguments.");
            node->is = Node::Is::StartsWith;
            node->property = std::string(word());
            node->op = "startswith";
            if (!known(node->property)) return nullptr;
            auto value = take(',') ? literal() : std::nullopt;
            if (!value || !value->is_string() || !take(')'))
                return fail("startswith needs a property and text.");
            node->literals.push_back(std::move(*value));
        } else {
            node->property = first;
            node->op = lower_case(word());
            if (first.empty()) return fail("Syntax error: character is not valid.");
            if (!known(first)) return nullptr;
            if (node->op == "in") {
                node->is = Node::Is::In;
                if (!take('(')) return fail("in needs a list.");
                do {
                    auto value = literal();
                    if (!value) return fail("A value is missing.");
                    node->literals.push_back(std::move(*value));
                } while (take(','));
                if (!take(')')) return fail("A parenthesis is not closed.");
            } else {
                constexpr std::string_view kOps[] = {"eq", "ne", "gt", "ge", "lt", "le"};
                if (std::find(std::begin(kOps), std::end(kOps), node->op) == std::end(kOps))
                    return fail(fmt::format("The operator '{}' is not supported.", node->op));
                auto value = literal();
                if (!value) return fail("A value is missing.");
                node->literals.push_back(std::move(*value));
            }
        }
        comparisons.push_back(node->property + " " + node->op);
        return node;
    }
};

namespace {

bool holds(std::string_view op, std::optional<int> order) {
    if (op == "ne") return !order || *order != 0;
    if (!order) return false;
    if (op == "eq") return *order == 0;
    if (op == "gt") return *order > 0;
    if (op == "ge") return *order >= 0;
    if (op == "lt") return *order < 0;
    return *order <= 0;
}

}  // namespace

Filter::Filter() = default;
Filter::~Filter() = default;
Filter::Filter(Filter&&) noexcept = default;
Filter& Filter::operator=(Filter&&) noexcept = default;

ApiResult<Filter> Filter::parse(std::string_view text, const json::object& sample) {
    Filter filter;
    Parser parser{text, sample, filter.comparisons_, {}, 0};
    filter.root_ = parser.alternatives();
    parser.skip();
    if (!filter.root_ || !parser.text.empty()) {
        return ApiError{
            400, "BadRequest",
            "Invalid filter clause: " +
                (parser.trouble.empty() ? std::string("syntax error.") : parser.trouble)
        };
    }
    return filter;
}

bool Filter::matches(const json::object& object) const {
    // A visitor of its own, as the nodes are nobody else's business.
    const auto visit = [&object](const auto& self, const Node& node) -> bool {
        switch (node.is) {
            case Node::Is::And:
                return std::all_of(node.parts.begin(), node.parts.end(), [&](const auto& part) {
                    return self(self, *part);
                });
            case Node::Is::Or:
                return std::any_of(node.parts.begin(), node.parts.end(), [&](const auto& part) {
                    return self(self, *part);
                });
            case Node::Is::Not:
                return !self(self, *node.parts.front());
            default:
                break;
        }
        const json::value none;
        const auto* found = property_at(object, node.property);
        const json::value& have = found == nullptr ? none : *found;
        if (node.is == Node::Is::StartsWith) {
            return have.is_string() &&
                   lower_case(have.as_string())
                       .starts_with(lower_case(node.literals.front().as_string()));
        }
        if (node.is == Node::Is::In) {
            return std::any_of(
                node.literals.begin(), node.literals.end(),
                [&](const json::value& want) { return compare(have, want) == 0; }
            );
        }
        return holds(node.op, compare(have, node.literals.front()));
    };
    return !root_ || visit(visit, *root_);
}

}  // namespace graphhook::emulator
