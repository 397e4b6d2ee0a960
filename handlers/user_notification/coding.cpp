#include "handlers/user_notification/coding.hpp"

#include <zlib.h>

#include <array>
#include <cassert>
#include <limits>
#include <new>

namespace graphhook::handlers {
namespace {

/// zlib's window of 32 KiB; with 16 more it writes the gzip format.
constexpr int kZlibWindow = 15;
constexpr int kGzipWindow = kZlibWindow + 16;
constexpr int kMemoryLevel = 8;

}  // namespace

std::string_view to_string(ContentCoding coding) noexcept {
    switch (coding) {
        case ContentCoding::Gzip:
            return "gzip";
        case ContentCoding::Deflate:
            return "deflate";
        case ContentCoding::Identity:
            break;
    }
    return {};
}

std::string coded(std::string_view body, ContentCoding coding) {
    if (coding == ContentCoding::Identity) return std::string(body);
    assert(body.size() <= std::numeric_limits<uInt>::max());
    z_stream stream{};
    const int window = coding == ContentCoding::Gzip ? kGzipWindow : kZlibWindow;
    if (deflateInit2(
            &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window, kMemoryLevel, Z_DEFAULT_STRATEGY
        ) != Z_OK) {
        throw std::bad_alloc();
    }
    // zlib reads through a pointer to what is not const, and does not write there.
    std::string input(body);
    stream.next_in = reinterpret_cast<Bytef*>(input.data());
    stream.avail_in = static_cast<uInt>(input.size());
    std::string out;
    std::array<char, 4096> block{};
    int state = Z_OK;
    while (state != Z_STREAM_END) {
        stream.next_out = reinterpret_cast<Bytef*>(block.data());
        stream.avail_out = static_cast<uInt>(block.size());
        state = ::deflate(&stream, Z_FINISH);
        out.append(block.data(), block.size() - stream.avail_out);
    }
    ::deflateEnd(&stream);
    return out;
}

}  // namespace graphhook::handlers
