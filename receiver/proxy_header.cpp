#include "receiver/proxy_header.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace graphhook::receiver {
namespace {

namespace ip = boost::asio::ip;
using Is = ProxyHeader::Is;

constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::string_view kText = "PROXY ";
constexpr std::size_t kMostTextBytes = 107;
constexpr std::size_t kFixedBytes = 16;

constexpr ProxyHeader kBad{Is::Bad, 0, std::nullopt};

bool is_port(std::string_view text) {
    std::uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, port);
    return error == std::errc{} && rest == end;
}

/// Takes the text up to the next space.
std::string_view take_word(std::string_view& line) {
    const auto space = line.find(' ');
    const auto word = line.substr(0, space);
    line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
    return word;
}

ProxyHeader read_text(std::string_view bytes) {
    const auto end = bytes.substr(0, kMostTextBytes).find("\r\n");
    if (end == std::string_view::npos)
        return bytes.size() >= kMostTextBytes ? kBad : ProxyHeader{Is::Partial, 1, std::nullopt};
    ProxyHeader header{Is::Whole, end + 2, std::nullopt};
    auto line = bytes.substr(kText.size(), end - kText.size());
    const auto family = take_word(line);
    if (family == "UNKNOWN") return header;
    if (family != "TCP4" && family != "TCP6") return kBad;
    boost::system::error_code ec;
    const auto source = ip::make_address(std::string(take_word(line)), ec);
    if (ec || source.is_v4() != (family == "TCP4")) return kBad;
    const auto destination = ip::make_address(std::string(take_word(line)), ec);
    if (ec || destination.is_v4() != source.is_v4()) return kBad;
    const auto source_port = take_word(line);
    const auto destination_port = take_word(line);
    if (!is_port(source_port) || !is_port(destination_port) || !line.empty()) return kBad;
    header.source = source;
    return header;
}

ProxyHeader read_binary(std::string_view bytes) {
    if (bytes.size() < kFixedBytes) return {Is::Partial, kFixedBytes - bytes.size(), std::nullopt};
    const auto byte = [bytes](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
    const unsigned version = byte(12) >> 4;
    const unsigned command = byte(12) & 0x0fu;
    const unsigned family = byte(13) >> 4;
    const std::size_t length = std::size_t{byte(14)} << 8 | byte(15);
    const std::size_t whole = kFixedBytes + length;
    if (version != 2 || command > 1 || whole > kMostProxyHeaderBytes) return kBad;
    if (bytes.size() < whole) return {Is::Partial, whole - bytes.size(), std::nullopt};
    ProxyHeader header{Is::Whole, whole, std::nullopt};
    if (command == 0) return header;
    const auto body = bytes.substr(kFixedBytes, length);
    if (family == 1) {
        if (length < 12) return kBad;
        ip::address_v4::bytes_type address;
        std::copy_n(body.begin(), address.size(), address.begin());
        header.source = ip::address_v4(address);
    } else if (family == 2) {
        if (length < 36) return kBad;
        ip::address_v6::bytes_type address;
        std::copy_n(body.begin(), address.size(), address.begin());
        header.source = ip::address_v6(address);
    }
    return header;
}

}  // namespace

ProxyHeader read_proxy_header(std::string_view bytes) {
    const auto begins = [bytes](std::string_view expected) {
        const auto size = std::min(bytes.size(), expected.size());
        return bytes.substr(0, size) == expected.substr(0, size);
    };
    if (begins(kText))
        return bytes.size() < kText.size() ? ProxyHeader{Is::Partial, 1, std::nullopt}
                                           : read_text(bytes);
    if (!begins(kSignature)) return kBad;
    return read_binary(bytes);
}

}  // namespace graphhook::receiver
