// An item's encryptedContent, and what is done with it. The bytes are an item; or, after "sealed:",
// a plaintext, after "blocks:", a ciphertext, so that what is behind the signature is reached, too.
// For every input, reading and decrypting do not fail, and what comes out is a JSON object.
#include "authenticity/keyring.hpp"
#include "authenticity/resource_data.hpp"
#include "core/base64.hpp"
#include "tests/authenticity/known_answer.hpp"
#include "tests/authenticity/sealing.hpp"

#include <boost/json/parse.hpp>
#include <openssl/x509.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

namespace {

using namespace graphhook;
using namespace graphhook::authenticity;

void require(bool condition) {
    if (!condition) std::abort();
}

const EncryptionKey& key() {
    static const EncryptionKeyPtr known = [] {
        const auto der = from_base64(test::kKnownKey);
        const auto* at = reinterpret_cast<const unsigned char*>(der->data());
        return test::key_of(OpensslOwned<EVP_PKEY>(
            ::d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(der->size()))
        ));
    }();
    return *known;
}

bool is_object(std::string_view text) {
    boost::json::parse_options options;
    options.max_depth = 64;
    boost::system::error_code ec;
    const auto value = boost::json::parse({text.data(), text.size()}, ec, {}, options);
    return !ec.failed() && value.is_object();
}

std::variant<Secret, Reason> look(const EncryptedContent& content) {
    auto outcome = decrypt(content, key());
    if (const auto* const plain = std::get_if<Secret>(&outcome))
        require(is_object(plain->reveal()));
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::string_view kSealed = "sealed:";
    constexpr std::string_view kBlocks = "blocks:";
    static const std::string kDataKey = "0123456789abcdef0123456789abcdef";
    static const std::string kWrapped = test::wrap_key(key().key.get(), kDataKey);
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (input.starts_with(kSealed)) {
        // Any plaintext, enciphered and signed as it should be.
        const std::string_view plain = input.substr(kSealed.size());
        const std::string ciphertext = test::encipher(kDataKey, plain);
        const auto outcome =
            look(test::content_of(kWrapped, ciphertext, test::sign(kDataKey, ciphertext)));
        require(std::holds_alternative<Secret>(outcome) == is_object(plain));
        return 0;
    }
    if (input.starts_with(kBlocks)) {
        // Any ciphertext, signed as it should be.
        const std::string ciphertext(input.substr(kBlocks.size()));
        (void)look(test::content_of(kWrapped, ciphertext, test::sign(kDataKey, ciphertext)));
        return 0;
    }
    const auto read = read_encrypted_content(input);
    if (const auto* const content = std::get_if<EncryptedContent>(&read)) (void)look(*content);
    return 0;
}
