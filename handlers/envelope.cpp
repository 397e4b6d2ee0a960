#include "handlers/envelope.hpp"

#include "core/time_text.hpp"

#include <algorithm>

namespace graphhook::handlers {
namespace {

bool is_plain(char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
    out += ",\"";
    out += name;
    out += "\":";
    append_json_string(out, value);
}

/// A newline in JSON text can only be white space between its tokens.
void append_on_one_line(std::string& out, std::string_view json) {
    const auto from = static_cast<std::string::difference_type>(out.size());
    out += json;
    std::replace_if(
        out.begin() + from, out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' '
    );
}

/// JSON as it is; null where there is none.
void append_json(std::string& out, std::string_view name, std::string_view json) {
    out += ",\"";
    out += name;
    out += "\":";
    append_on_one_line(out, json.empty() ? std::string_view("null") : json);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += '"';
    while (!text.empty()) {
        const auto stop = std::find_if_not(text.begin(), text.end(), is_plain);
        const auto plain = static_cast<std::size_t>(stop - text.begin());
        out.append(text.data(), plain);
        text.remove_prefix(plain);
        if (text.empty()) break;
        const char c = text.front();
        text.remove_prefix(1);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += "\\u00";
            out += kDigits[byte >> 4];
            out += kDigits[byte & 15];
        }
    }
    out += '"';
}

void append_envelope(std::string& out, const Delivery& delivery, bool with_data) {
    out += kEnvelopeBegins;
    out += delivery.id;
    out += R"(","attempt":)";
    out += std::to_string(delivery.attempt);
    out += delivery.replayed ? R"(,"replayed":true)" : R"(,"replayed":false)";
    out += delivery.lifecycle ? R"(,"lifecycle":true)" : R"(,"lifecycle":false)";
    append_member(out, "source", delivery.source);
    append_member(out, "subscription", delivery.subscription);
    append_member(out, "tenant", delivery.tenant);
    append_member(out, "kind", delivery.kind);
    append_member(out, "change", delivery.change);
    append_member(out, "resource", delivery.resource);
    append_member(out, "received_at", to_text(delivery.received_at));
    append_json(out, "item", delivery.item);
    if (with_data) append_json(out, "data", delivery.data);
    out += '}';
}

}  // namespace graphhook::handlers
