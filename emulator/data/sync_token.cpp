#include "emulator/data/sync_token.hpp"

#include "emulator/identity/base64.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace graphhook::emulator {
namespace {

constexpr std::size_t kNumbers = 10;
/// Our links are far shorter.
constexpr std::size_t kLongest = 16'384;

/// Cuts off what stands before the next line end.
std::string_view next_line(std::string_view& text) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    return line;
}

}  // namespace

std::string token_text(const SyncToken& token) {
    return base64url(fmt::format(
        "{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", static_cast<int>(token.kind),
        token.generation, token.position, token.since, token.initial ? 1 : 0, token.page,
        token.taken, token.issued, token.group, token.member, token.place, token.query
    ));
}

std::optional<SyncToken> read_sync_token(std::string_view text) {
    if (text.size() > kLongest) return std::nullopt;
    const auto plain = from_base64url(text);
    if (!plain) return std::nullopt;
    std::string_view rest = *plain;
    std::array<std::uint64_t, kNumbers> numbers{};
    for (auto& number : numbers) {
        const auto line = next_line(rest);
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
        if (error != std::errc{} || end != line.data() + line.size()) return std::nullopt;
    }
    if (numbers[0] > 2 || numbers[5] > 1'000'000'000) return std::nullopt;
    SyncToken token;
    token.kind = static_cast<SyncToken::Kind>(numbers[0]);
    token.generation = numbers[1];
    token.position = numbers[2];
    token.since = numbers[3];
    token.initial = numbers[4] != 0;
    token.page = static_cast<std::uint32_t>(numbers[5]);
    token.taken = numbers[6];
    token.issued = static_cast<std::int64_t>(numbers[7]);
    token.group = numbers[8];
    token.member = numbers[9];
    token.place = std::string(next_line(rest));
    token.query = std::string(rest);
    return token;
}

}  // namespace graphhook::emulator
