// The bytes before TLS where a PROXY header should be. What holds for every input: a header is
// found in all of its bytes only, and never reaches beyond what is there.
#include "receiver/networks.hpp"
#include "receiver/proxy_header.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace graphhook::receiver;
    using Is = ProxyHeader::Is;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    (void)forwarded_client(bytes, {});
    const auto header = read_proxy_header(bytes);
    if (header.is == Is::Partial && header.size == 0) std::abort();
    if (header.is != Is::Whole) return 0;
    if (header.size > bytes.size()) std::abort();
    if (read_proxy_header(bytes.substr(0, header.size)).is != Is::Whole) std::abort();
    if (read_proxy_header(bytes.substr(0, header.size - 1)).is != Is::Partial) std::abort();
    return 0;
}
