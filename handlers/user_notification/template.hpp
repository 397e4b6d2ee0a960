#pragma once

#include "handlers/handler.hpp"

#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace graphhook::handlers {

/// What a template can name of one delivery. `item` and `data` are parsed once, and only if asked
/// for; what is no JSON has no values. Keeps a reference to the delivery. Threads: reading, any.
class TemplateValues {
  public:
    enum Wanted : std::uint8_t { kNeither = 0, kItem = 1, kData = 2, kBoth = 3 };
    TemplateValues(const Delivery& delivery, std::string_view handler, Wanted wanted);

    [[nodiscard]] const Delivery& delivery() const noexcept { return delivery_; }
    [[nodiscard]] std::string_view handler() const noexcept { return handler_; }
    [[nodiscard]] const boost::json::value& item() const noexcept { return item_; }
    [[nodiscard]] const boost::json::value& data() const noexcept { return data_; }

  private:
    const Delivery& delivery_;
    const std::string_view handler_;
    boost::json::value item_, data_;
};

/// Text with places that are filled from a delivery.
///
///   {id} {subscription} {tenant} {kind} {change} {resource} {handler} {received_at} {source}
///   {item.a.b}           a member of the item that Graph sent; {item} is all of it
///   {data.to.0.address}  of the decrypted resource; an element of an array by its index, from 0
///   {path:-default}      the default where the value is absent, null or the empty string
///   {path!json}          as a JSON value: a string in quotes and escaped, null where absent
///   {path!json:-default} the default as a JSON string
///   {{ and }}            braces
///
/// A string stands for itself, a number or a boolean is written as in JSON, an object or an array
/// as JSON, null and what is absent as nothing. A name of OData such as "@odata.type" is one step
/// of a path. What is filled in is never read as a template again. Immutable; threads: any.
class Template {
  public:
    struct Problem {
        std::size_t position = 0;  ///< Byte of the text, from 1.
        std::string text;          ///< "{foo} is not known", with what the place says.
    };
    [[nodiscard]] static std::variant<Template, Problem> parse(std::string_view text);
    Template() = default;  ///< Always empty.

    /// Nothing is filled in: it always says the same.
    [[nodiscard]] bool constant() const noexcept;
    [[nodiscard]] bool wants_item() const noexcept;
    [[nodiscard]] bool wants_data() const noexcept { return !data_place().empty(); }
    /// The first place that needs the decrypted resource, as written; empty: none does.
    [[nodiscard]] std::string_view data_place() const noexcept;
    /// Pure.
    [[nodiscard]] std::string render(const TemplateValues& values) const;

    enum class Name : std::uint8_t {
        Literal,
        Id,
        Subscription,
        Tenant,
        Kind,
        Change,
        Resource,
        Handler,
        ReceivedAt,
        Source,
        Item,
        Data,
    };

  private:
    struct Part {
        Name name = Name::Literal;
        std::string text;               ///< A literal; of a place, as it was written.
        std::vector<std::string> path;  ///< Below Item and Data.
        bool as_json = false;
        std::optional<std::string> fallback;
    };
    static std::variant<Part, std::string> parse_place(std::string_view inner);
    static void render_part(const Part& part, const TemplateValues& values, std::string& out);

    std::vector<Part> parts_;
};

/// As JSON, in our own way of writing: no white space, numbers in their shortest form. Pure.
void append_json_value(std::string& out, const boost::json::value& value);

}  // namespace graphhook::handlers
