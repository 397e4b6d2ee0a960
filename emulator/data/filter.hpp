#pragma once

#include "emulator/rules.hpp"

#include <boost/json/object.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::emulator {

/// A $filter: comparisons (eq ne gt ge lt le), startswith(…), in (…), and, or, not, parentheses.
/// Times are compared as times, text without regard to case.
class Filter {
  public:
    Filter();
    ~Filter();
    Filter(Filter&&) noexcept;
    Filter& operator=(Filter&&) noexcept;

    /// 400 for what is not understood, and for properties that `sample` does not have.
    [[nodiscard]] static ApiResult<Filter> parse(
        std::string_view text, const boost::json::object& sample
    );
    [[nodiscard]] bool matches(const boost::json::object& object) const;
    /// Property and operator of every comparison: "receivedDateTime ge".
    [[nodiscard]] const std::vector<std::string>& comparisons() const noexcept {
        return comparisons_;
    }

  private:
    struct Node;
    struct Parser;
    std::unique_ptr<Node> root_;
    std::vector<std::string> comparisons_;
};

/// The value at "a/b"; null if there is none.
const boost::json::value* property_at(const boost::json::object& object, std::string_view path);

}  // namespace graphhook::emulator
