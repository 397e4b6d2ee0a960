#include "emulator/user_notifications/content_coding.hpp"

#include "emulator/identity/scopes.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>

namespace graphhook::emulator {
namespace {

constexpr int kGzipBits = 15 + 16;
constexpr int kZlibBits = 15;
constexpr int kRawBits = -15;

Error too_large(std::size_t most) {
    return fail(Errc::Full, fmt::format("the body has more than {} bytes", most));
}

Result<std::string> inflated(int bits, std::string_view body, std::size_t most) {
    z_stream stream{};
    if (::inflateInit2(&stream, bits) != Z_OK) return fail(Errc::Failed, "zlib does not start");
    struct End {
        explicit End(z_stream& of_) : of(of_) {}
        ~End() { ::inflateEnd(&of); }
        End(const End&) = delete;
        End& operator=(const End&) = delete;
        z_stream& of;
    } const end(stream);
    std::string in(body);  // zlib wants it writable
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    std::string out;
    std::array<char, 16 * 1024> block{};
    int code = Z_OK;
    while (code == Z_OK) {
        stream.next_out = reinterpret_cast<Bytef*>(block.data());
        stream.avail_out = static_cast<uInt>(block.size());
        code = ::inflate(&stream, Z_NO_FLUSH);
        out.append(block.data(), block.size() - stream.avail_out);
        if (out.size() > most) return too_large(most);
    }
    if (code != Z_STREAM_END || stream.avail_in != 0)
        return fail(Errc::Corrupt, "the body is not what Content-Encoding says");
    return out;
}

}  // namespace

std::optional<ContentCoding> parse_content_coding(std::string_view text) noexcept {
    if (text.empty()) return ContentCoding::Identity;
    if (same_text(text, "gzip")) return ContentCoding::Gzip;
    if (same_text(text, "deflate")) return ContentCoding::Deflate;
    return std::nullopt;
}

Result<std::string> decode(ContentCoding coding, std::string_view body, std::size_t most) {
    switch (coding) {
        case ContentCoding::Identity:
            if (body.size() > most) return too_large(most);
            return std::string(body);
        case ContentCoding::Gzip:
            return inflated(kGzipBits, body, most);
        case ContentCoding::Deflate:
            break;
    }
    auto zlib = inflated(kZlibBits, body, most);
    if (zlib || zlib.error().code != Errc::Corrupt) return zlib;
    return inflated(kRawBits, body, most);
}

}  // namespace graphhook::emulator
