#include "app/config/scalar.hpp"

#include "core/time_text.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace graphhook::app {
namespace {

using Checked = Result<void>;

template <class... Args>
Error bad(fmt::format_string<Args...> format, Args&&... args) {
    return fail(Errc::BadInput, fmt::format(format, std::forward<Args>(args)...));
}

std::string number_text(Type type, std::uint64_t number) {
    if (type == Type::Size) return size_text(number);
    if (type == Type::Duration)
        return duration_text(std::chrono::milliseconds(static_cast<std::int64_t>(number)));
    return std::to_string(number);
}

Checked within_bounds(const Key& key, std::uint64_t number) {
    if (key.least == 0 && key.most == 0) return {};
    if (number >= key.least && number <= key.most) return {};
    return bad(
        "{} is out of bounds: from {} to {}", number_text(key.type, number),
        number_text(key.type, key.least), number_text(key.type, key.most)
    );
}

Checked read_number(const Key& key, const std::string& text, Value& value) {
    if (key.type == Type::Size) {
        const auto size = parse_size(text);
        if (!size) return fail(Errc::BadInput, size.error().detail);
        value.number = *size;
    } else if (key.type == Type::Duration) {
        const auto duration = parse_duration(text);
        if (!duration) return fail(Errc::BadInput, duration.error().detail);
        value.number = static_cast<std::uint64_t>(duration->count());
    } else {
        const auto [end, error] =
            std::from_chars(text.data(), text.data() + text.size(), value.number);
        if (error != std::errc{} || end != text.data() + text.size())
            return bad("'{}' is not a whole number", text);
    }
    return within_bounds(key, value.number);
}

Checked read_flag(const std::string& text, Value& value) {
    if (text == "true" || text == "on" || text == "yes") {
        value.number = 1;
    } else if (text == "false" || text == "off" || text == "no") {
        value.number = 0;
    } else {
        return bad("'{}' is neither true nor false", text);
    }
    return {};
}

Checked one_of(const Key& key, const std::string& text) {
    const auto choices = split_alternatives(key.alternatives);
    if (std::find(choices.begin(), choices.end(), text) != choices.end()) return {};
    return bad("'{}' is none of {}", text, fmt::join(choices, ", "));
}

Checked check_url(const Key& key, std::string& text) {
    const auto url = boost::urls::parse_absolute_uri(text);
    const bool https_only = key.type == Type::HttpsUrl;
    if (url.has_error() || url->host().empty() ||
        !(url->scheme() == "https" || (url->scheme() == "http" && !https_only)))
        return bad("'{}' is not {} URL", text, https_only ? "an https" : "an http or https");
    if (url->has_userinfo()) return bad("a URL with a user name in it is not taken");
    if (https_only) {
        if (url->has_query()) return bad("'{}' has a query, which is not taken here", text);
        while (text.ends_with('/')) text.pop_back();
    }
    return {};
}

Checked check_listen(const Key& key, const std::string& text) {
    if (text.empty() && key.path.starts_with("admin.")) return {};
    if (text.starts_with("unix:")) {
        if (text.size() > 5 && text[5] == '/') return {};
        return bad("'{}' is not unix:/path", text);
    }
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) return bad("'{}' is not address:port", text);
    auto host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string::npos) {
        return bad("'{}': write an IPv6 address as [address]:port", text);
    }
    boost::system::error_code error;
    boost::asio::ip::make_address(host, error);
    std::uint16_t port = 0;
    const char* last = text.data() + text.size();
    const auto [end, wrong] = std::from_chars(text.data() + colon + 1, last, port);
    if (error || wrong != std::errc{} || end != last)
        return bad("'{}' is not address:port (an address, not a name)", text);
    return {};
}

Checked check_network(const std::string& text) {
    const auto slash = text.find('/');
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(text.substr(0, slash), error);
    unsigned bits = 0;
    if (slash != std::string::npos) {
        const char* last = text.data() + text.size();
        const auto [end, wrong] = std::from_chars(text.data() + slash + 1, last, bits);
        if (wrong != std::errc{} || end != last) bits = 999;
    }
    if (error || bits > (address.is_v4() ? 32U : 128U))
        return bad("'{}' is not a network such as 10.0.0.0/8 or 2001:db8::/32", text);
    return {};
}

Checked check_uuid(const std::string& text) {
    bool fits = text.size() == 36;
    for (std::size_t i = 0; fits && i < text.size(); ++i) {
        const char c = text[i];
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        fits = dash ? c == '-'
                    : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    }
    if (!fits) return bad("'{}' is not a UUID", text);
    return {};
}

Checked check_store(const std::string& text) {
    constexpr std::string_view kScheme = "sqlite:";
    if (text.starts_with(kScheme) && text.size() > kScheme.size() && text[kScheme.size()] == '/')
        return {};
    return bad("'{}' is not sqlite:/path/to/file", text);
}

Checked check_url_path(const std::string& text) {
    if (!text.starts_with('/') && !text.empty()) return bad("'{}' does not start with '/'", text);
    if (text.ends_with('/') || text.find_first_of("?#% ") != std::string::npos)
        return bad("'{}' ends with '/' or holds '?', '#', '%' or a space", text);
    return {};
}

Checked read_secret_file(const std::string& path, const FileReader& files, Value& value) {
    auto content = files(path);
    if (!content) return fail(Errc::BadInput, content.error().detail);
    if (content->ends_with('\n')) content->pop_back();
    if (content->ends_with('\r')) content->pop_back();
    if (content->empty()) return bad("'{}' is empty", path);
    value.secret = Secret(std::move(*content));
    return {};
}

bool may_be_empty(const Key& key) {
    return key.path == "admin.listen" || key.path == "admin.socket" || key.path == "unsids.scope" ||
           key.type == Type::UrlPath;
}

}  // namespace

Result<void> read_scalar(
    const Key& key, const std::string& text, const FileReader& files, Value& value
) {
    if (text.empty() && !may_be_empty(key)) return bad("is empty");
    if (text.find('\0') != std::string::npos) return bad("holds a NUL character");
    value.text = text;
    switch (key.type) {
        case Type::Text:
        case Type::Path:
            return {};
        case Type::ReadFile:
            if (const auto content = files(text); !content)
                return fail(Errc::BadInput, content.error().detail);
            return {};
        case Type::HttpsUrl:
        case Type::HttpUrl:
            return check_url(key, value.text);
        case Type::UrlPath:
            return check_url_path(text);
        case Type::Uuid:
            return check_uuid(text);
        case Type::Listen:
            return check_listen(key, text);
        case Type::Store:
            return check_store(text);
        case Type::Integer:
        case Type::Size:
        case Type::Duration:
            return read_number(key, text, value);
        case Type::Flag:
            return read_flag(text, value);
        case Type::Choice:
        case Type::Cloud:
            return one_of(key, text);
        case Type::Texts:
            value.list.push_back(text);
            return {};
        case Type::Choices:
            value.list.push_back(text);
            return one_of(key, text);
        case Type::Networks:
            value.list.push_back(text);
            return check_network(text);
        case Type::Secret:
            value.text.clear();
            value.secret = Secret(text);
            return {};
        case Type::SecretFile:
            return read_secret_file(text, files, value);
        case Type::Section:
        case Type::Named:
        case Type::Items:
        case Type::Headers:
            break;
    }
    return bad("is not a single value");
}

std::string shown(const Value& value) {
    switch (value.key->type) {
        case Type::Size:
        case Type::Duration:
        case Type::Integer:
            return number_text(value.key->type, value.number);
        case Type::Flag:
            return value.number != 0 ? "true" : "false";
        case Type::Secret:
            return "\"***\"";
        case Type::Texts:
        case Type::Choices:
        case Type::Networks:
            return fmt::format("[{}]", fmt::join(value.list, ", "));
        case Type::Headers: {
            std::vector<std::string> entries;
            for (const auto& [name, secret] : value.headers) entries.push_back(name + ": \"***\"");
            return fmt::format("{{{}}}", fmt::join(entries, ", "));
        }
        default:
            return value.text;
    }
}

bool is_loopback(std::string_view address) {
    if (address.starts_with("unix:")) return true;
    auto host = address.substr(0, address.rfind(':'));
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    boost::system::error_code error;
    const auto parsed = boost::asio::ip::make_address(host, error);
    return !error && parsed.is_loopback();
}

}  // namespace graphhook::app
