#pragma once

#include <zlib.h>

#include <string>
#include <string_view>

namespace graphhook::emulator::test {

enum class Packing { Gzip, Zlib, Raw };

/// The text, compressed.
inline std::string packed(std::string_view text, Packing how) {
    constexpr int kBits = 15;
    const int bits = how == Packing::Gzip ? kBits + 16 : how == Packing::Zlib ? kBits : -kBits;
    z_stream stream{};
    ::deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY);
    std::string in(text);
    std::string out(::deflateBound(&stream, static_cast<uLong>(in.size())) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    ::deflate(&stream, Z_FINISH);
    out.resize(out.size() - stream.avail_out);
    ::deflateEnd(&stream);
    return out;
}

}  // namespace graphhook::emulator::test
